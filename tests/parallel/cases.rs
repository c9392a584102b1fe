//! Programs that once did something else out of order than in order, each the smallest of its kind.
