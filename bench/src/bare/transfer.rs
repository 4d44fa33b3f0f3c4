//! Octets from a file to a socket and back, through a pipe in the kernel: nothing is copied to us.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What a pipe holds, and one call moves.
const SIZE: usize = 1 << 20;

/// Files up to this size are sent in one call, without a pipe.
const SMALL: u64 = 64 << 10;

/// A pipe: the end to read from, the end to write to.
pub(super) struct Pipe(OwnedFd, OwnedFd);

impl Pipe {
    pub(super) fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        fcntl_setpipe_size(&write, SIZE)?;
        Ok(Self(read, write))
    }
}

/// Sends a file.
pub(super) fn send<'a>(
    file: &File,
    data: &TcpStream,
    pipe: impl FnOnce() -> io::Result<&'a Pipe>,
) -> io::Result<()> {
    if file.metadata()?.len() <= SMALL {
        while sendfile(data, file, None, SIZE)? > 0 {}
        return Ok(());
    }
    flow(file, pipe()?, data)
}

/// Receives into a file.
pub(super) fn receive(data: &TcpStream, file: &File, pipe: &Pipe) -> io::Result<()> {
    flow(data, pipe, file)
}

fn flow(from: impl AsFd, Pipe(read, write): &Pipe, to: impl AsFd) -> io::Result<()> {
    loop {
        let mut held = retry(|| splice(&from, None, write, None, SIZE, SpliceFlags::MOVE))?;
        if held == 0 {
            return Ok(());
        }
        while held > 0 {
            held -= retry(|| splice(read, None, &to, None, held, SpliceFlags::MOVE))?;
        }
    }
}

fn retry(mut call: impl FnMut() -> Result<usize, Errno>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}
