"""What the server keeps on disk: uploads, scenes, jobs and results."""
