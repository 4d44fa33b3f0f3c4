//! `cargo xtask demo`: builds the server and shares a folder with it, at once, as the current user.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools;

/// Builds, then becomes the server; returns only when something failed.
pub(crate) fn run(directory: Option<&str>) -> bool {
    if !tools::provide(tools::TO_BUILD) {
        return false;
    }
    let build = Command::new("cargo").args(["build", "--release", "--package", "wharf-daemon"]).status();
    if !build.is_ok_and(|status| status.success()) {
        eprintln!("The server could not be built; the reason is above.");
        return false;
    }
    let target = tools::target_directory();
    let shared = match directory {
        Some(directory) => PathBuf::from(directory),
        None => match made_folder(&target) {
            Ok(folder) => folder,
            Err(error) => {
                eprintln!("No demo folder could be made in {}: {error}", target.display());
                return false;
            }
        },
    };
    let error = Command::new(target.join("release/wharfd")).arg("share").arg(&shared).exec();
    eprintln!("The server could not be started: {error}");
    false
}

/// Makes a small folder with something in it to fetch.
fn made_folder(target: &Path) -> std::io::Result<PathBuf> {
    let folder = target.join("demo");
    fs::create_dir_all(folder.join("music"))?;
    fs::write(folder.join("hello.txt"), "Hello from Wharf.\n")?;
    fs::write(folder.join("music/silence.raw"), vec![0; 1 << 20])?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_made_folder_has_a_file_to_fetch() {
        let place = std::env::temp_dir().join(format!("wharf-demo-{}", std::process::id()));
        let folder = made_folder(&place).unwrap();
        assert_eq!(fs::read_to_string(folder.join("hello.txt")).unwrap(), "Hello from Wharf.\n");
        fs::remove_dir_all(place).unwrap();
    }
}
