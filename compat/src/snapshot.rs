//! The files of a site as lines of text: name, kind and mode, owner, time and content.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::stage::Stage;
use crate::tree::ROOTS;

/// Content longer than this is told as a number of octets and a checksum.
const SHOWN: usize = 120;

/// Returns one line for each file beneath the roots, in order of names.
pub(crate) fn snapshot(stage: &Stage) -> io::Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    for root in ROOTS {
        let path = stage.path_of(root.as_bytes());
        lines.push(line(&path, root.as_bytes(), stage)?);
        walk(&path, root.as_bytes(), stage, &mut lines)?;
    }
    Ok(lines)
}

fn walk(directory: &Path, name: &[u8], stage: &Stage, lines: &mut Vec<Vec<u8>>) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name());
    }
    names.sort();
    for file in names {
        let (path, inner) = (directory.join(&file), [name, b"/", file.as_bytes()].concat());
        lines.push(line(&path, &inner, stage)?);
        if fs::symlink_metadata(&path)?.is_dir() {
            walk(&path, &inner, stage, lines)?;
        }
    }
    Ok(())
}

fn line(path: &Path, name: &[u8], stage: &Stage) -> io::Result<Vec<u8>> {
    let meta = fs::symlink_metadata(path)?;
    let (kind, content) = if meta.is_dir() {
        ("d", Vec::new())
    } else if meta.is_symlink() {
        ("l", fs::read_link(path)?.as_os_str().as_bytes().to_vec())
    } else if meta.file_type().is_fifo() {
        ("p", Vec::new())
    } else {
        ("f", shown(&fs::read(path)?))
    };
    // What was changed just now has the time of its run.
    let is_new = meta.mtime() >= stage.began && kind != "l" || kind == "d";
    let time = if is_new { String::new() } else { format!(" @{}", meta.mtime()) };
    let facts = format!(
        " {kind} {:o} {}:{}{time} ",
        meta.mode() & 0o7777,
        stage.name_of(meta.uid()),
        stage.name_of(meta.gid())
    );
    Ok([&b"tree: "[..], name, facts.as_bytes(), &content].concat())
}

fn shown(content: &[u8]) -> Vec<u8> {
    if content.len() <= SHOWN {
        return content.to_vec();
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    format!("{} octets, checksum {:016x}", content.len(), hasher.finish()).into_bytes()
}
