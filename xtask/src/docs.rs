//! Writes the documents that follow from the table of options, and tells which are out of date.

use std::fs;
use std::path::Path;

use wharf_config::render;

use crate::steps;

/// Where each generated file lies, and what it should hold.
fn generated() -> [(&'static str, String); 4] {
    [
        ("docs/man/wharfd.8", render::man_wharfd()),
        ("docs/man/wharfd.conf.5", render::man_wharfd_conf()),
        ("docs/options.md", render::book()),
        ("examples/sample.conf", render::sample()),
    ]
}

/// Writes every generated file; returns whether all could be written.
pub(crate) fn run() -> bool {
    let mut good = true;
    for (name, text) in generated() {
        match write(&steps::root().join(name), &text) {
            Ok(()) => println!("{name}"),
            Err(error) => {
                eprintln!("{name} could not be written: {error}");
                good = false;
            }
        }
    }
    good
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, text)
}

/// Returns the generated files that differ from what the options say.
pub(crate) fn stale() -> Vec<&'static str> {
    let root = steps::root();
    generated()
        .into_iter()
        .filter(|(name, text)| fs::read_to_string(root.join(name)).map_or(true, |held| held != *text))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_files_follow_the_options() {
        assert_eq!(stale(), [""; 0], "run `cargo xtask docs`");
    }
}
