"""The shim: parent of one local process, started by ``launch``, alive as long as anything of the process's tree is.

It outlives the hub and needs nobody: it keeps the log, ends the tree when told to (with a kill once the grace is over),
and writes the exit status to disk. It talks to whichever hub is there through a FIFO: a writer either finds the shim
behind it or gets ENXIO, so no signal can go to a reused pid. While it lives it holds

- a lock (``flock``) on ``lock`` in the process's folder: who can take it knows that no shim lives;
- the reservations of its ports (open files that it inherited).

It is a child subreaper: whoever leaves the tree (a daemon) becomes a child of the shim, so the tree is everything below
it. If the shim itself is killed, the kernel kills the program (``PR_SET_PDEATHSIG``), and the next hub to look sweeps
up what is left (``tree.sweep``): a program without a log and without anybody to tell its exit status is not worth
keeping.

``life`` is the shim itself, ``log`` writes the log, ``system`` holds the system calls, which the hub uses as well. The
shim must start in few milliseconds, so these modules run compiled (``compiling``), with ``-I -S -E``, and import only
each other and what is built into the interpreter (``posix`` is what ``os`` is made of). Everything that the shim needs
comes on its standard input, so that no secret is in an argument list or on disk.
"""
