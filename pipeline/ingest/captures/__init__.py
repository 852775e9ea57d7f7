"""Recordings and photos of devices that carry their own depth, cameras and poses."""
