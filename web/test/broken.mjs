// A thread's script that does not start.

throw new Error('it is broken');
