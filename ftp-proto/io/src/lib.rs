//! Sockets, files, clock.
