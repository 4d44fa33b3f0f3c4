//! The hash of a file or of a part of it.

use std::os::fd::OwnedFd;

use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, pread};
use sha2::Digest as _;
use wharf_proto::failure::Failure;
use wharf_proto::path::VirtualPath;
use wharf_proto::store::{Algorithm, Finished, Part};

use super::remembered::{self, Stamp};
use crate::failure;
use crate::local::Local;

/// How much is read at once.
const PIECE: usize = 128 * 1024;

/// A hash being taken.
#[derive(Debug)]
pub(super) struct Hash {
    file: OwnedFd,
    hasher: Hasher,
    algorithm: Algorithm,
    part: Part,
    /// The next octet to be read.
    at: u64,
    /// What the file was like at the beginning, when the hash of the whole is worth remembering.
    worth: Option<Stamp>,
    piece: Vec<u8>,
}

/// What a wish for a hash leads to.
pub(super) enum Begun {
    /// It was taken before, and the file is the same.
    Known(Finished),
    /// It has to be taken.
    Hash(Hash),
}

impl Hash {
    pub(super) fn begin(
        local: &Local,
        path: &VirtualPath,
        algorithm: Algorithm,
        part: Option<Part>,
    ) -> Result<Begun, Failure> {
        let (file, size) = local.open_read(path)?;
        let whole = Part { start: 0, end: size };
        let wished = part.unwrap_or(whole);
        let part = Part { start: wished.start, end: wished.end.min(size) };
        if part.start > part.end {
            return Err(Failure::WrongKind);
        }
        let mut worth = None;
        if part == whole {
            let stamp = Stamp::of(&file)?;
            if let Some(octets) = remembered::recall(&file, &stamp, algorithm) {
                return Ok(Begun::Known(Finished::Digest { part, octets }));
            }
            // Who may only read the site changes nothing in it, not even this.
            worth = local.rules.may_overwrite.then_some(stamp);
        }
        let _ = fadvise(&file, part.start, None, Advice::Sequential);
        let hasher = Hasher::new(algorithm);
        Ok(Begun::Hash(Self { file, hasher, algorithm, part, at: part.start, worth, piece: vec![0; PIECE] }))
    }

    pub(super) fn step(&mut self, _: &Local, octets: usize) -> Result<Option<Finished>, Failure> {
        let mut budget = octets.max(1);
        while self.at < self.part.end && budget > 0 {
            let left = usize::try_from(self.part.end - self.at).unwrap_or(usize::MAX);
            let room = self.piece.get_mut(..left.min(PIECE)).unwrap_or_default();
            let count = match pread(&self.file, room, self.at) {
                // It was cut meanwhile, so nobody knows what this would be the hash of.
                Ok(0) => return Err(Failure::Broken),
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(failure::of(errno)),
            };
            self.hasher.update(self.piece.get(..count).unwrap_or_default());
            self.at += u64::try_from(count).unwrap_or(0);
            budget = budget.saturating_sub(count);
        }
        if self.at < self.part.end {
            return Ok(None);
        }
        let octets = self.hasher.take();
        if let Some(before) = &self.worth {
            remembered::keep(&self.file, before, self.algorithm, &octets);
        }
        Ok(Some(Finished::Digest { part: self.part, octets }))
    }
}

/// A hash of any method, unfinished.
enum Hasher {
    Sha256(sha2::Sha256),
    Sha512(Box<sha2::Sha512>),
    Sha1(sha1::Sha1),
    Md5(md5::Md5),
    Crc32(crc32fast::Hasher),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Box::default()),
            Algorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            Algorithm::Blake3 => Self::Blake3(Box::default()),
        }
    }

    fn update(&mut self, octets: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(octets),
            Self::Sha512(hasher) => hasher.update(octets),
            Self::Sha1(hasher) => hasher.update(octets),
            Self::Md5(hasher) => hasher.update(octets),
            Self::Crc32(hasher) => hasher.update(octets),
            Self::Blake3(hasher) => {
                hasher.update(octets);
            }
        }
    }

    /// Tells the hash and begins anew.
    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Sha256(hasher) => hasher.finalize_reset().to_vec(),
            Self::Sha512(hasher) => hasher.finalize_reset().to_vec(),
            Self::Sha1(hasher) => hasher.finalize_reset().to_vec(),
            Self::Md5(hasher) => hasher.finalize_reset().to_vec(),
            Self::Crc32(hasher) => std::mem::take(hasher).finalize().to_be_bytes().to_vec(),
            Self::Blake3(hasher) => hasher.finalize().as_bytes().to_vec(),
        }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_gives_what_its_standard_says_of_abc() {
        let expected = [
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "900150983cd24fb0d6963f7d28e17f72",
            "352441c2",
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        ];
        for (algorithm, expected) in Algorithm::ALL.into_iter().zip(expected) {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"a");
            hasher.update(b"bc");
            let octets = hasher.take();
            assert_eq!(octets.len(), algorithm.octets());
            let shown: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(shown, expected, "{algorithm:?}");
        }
    }
}
