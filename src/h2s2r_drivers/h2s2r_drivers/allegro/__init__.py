"""Wonik Allegro hand on CAN: frames, conversions of V4 and V5 as data, joint PD, driver, and an emulated hand."""
