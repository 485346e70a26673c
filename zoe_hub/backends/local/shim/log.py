"""Writes the log of a local process, in the form that ``backends.journal`` reads. Used by ``life``.

Imports only what is built into the interpreter; see the package.
"""

import posix


class Log:
    """The log of a process: files named by the offset of their first byte, so that offsets stay true when old ones go.

    A new file begins after ``size`` bytes; at most ``files`` are kept. What cannot be written (a full disk) is dropped
    and counted, and the count is written as soon as something can be: the program is never held up or ended for its
    log.
    """

    def __init__(self, folder: bytes, size: int, files: int) -> None:
        self.folder, self.size, self.files = folder, max(size, 1), max(files, 1)
        self.descriptor = -1
        self.dropped = 0
        self.begin = self.end = 0
        names = self.names()
        if names:
            self.begin = int(names[-1][4:])
            try:
                self.end = self.begin + posix.stat(self.path(self.begin)).st_size
            except OSError:
                self.end = self.begin

    def path(self, begin: int) -> bytes:
        """The file whose first byte is at ``begin``."""
        return self.folder + b"/log.%020d" % begin

    def names(self) -> list[bytes]:
        """All files, oldest first."""
        try:
            return sorted(name for name in posix.listdir(self.folder) if name.startswith(b"log."))
        except OSError:
            return []

    def room(self) -> int:
        """Open the file that takes the next byte, and say how many it takes."""
        if self.descriptor >= 0 and self.end - self.begin >= self.size:
            posix.close(self.descriptor)
            self.descriptor = -1
        if self.descriptor < 0:
            if self.end - self.begin >= self.size:
                self.begin = self.end
            flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC
            self.descriptor = posix.open(self.path(self.begin), flags, 0o600)
            for name in self.names()[: -self.files]:
                posix.unlink(self.folder + b"/" + name)
        return self.begin + self.size - self.end

    def write(self, data: bytes) -> None:
        """Append, or count as missing."""
        if self.dropped:
            count, self.dropped = self.dropped, 0
            note = b"\n[zoe: %d bytes of output are missing here: the log could not be written]\n" % count
            if self.put(note) < len(note):  # a piece of a note is of no use, but does no harm
                self.dropped = count + len(data)
                return
        self.dropped += len(data) - self.put(data)

    def put(self, data: bytes) -> int:
        """Write what can be written; how much it was."""
        done = 0
        try:
            while done < len(data):
                room = self.room()
                count = posix.write(self.descriptor, data[done : done + room])
                done += count
                self.end += count
        except OSError:
            pass
        return done
