"""The hand's side of the bus: an Allegro that measures, obeys torques, gets hot and loses frames on demand."""
