"""Where a teacher's answers come from: out of a file, or from the teacher itself while the student trains."""
