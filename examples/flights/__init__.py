"""The main job of cloudcore as one program: see demo.py."""
