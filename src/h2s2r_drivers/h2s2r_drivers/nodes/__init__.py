"""ROS 2 nodes: parameters in, messages converted at the edge, one call into the library, messages out."""
