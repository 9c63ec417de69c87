"""What more than one group of tests uses: environments, frames, readers, and child processes."""
