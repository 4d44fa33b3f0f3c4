//! The manual pages have to please the program that shows them.

use std::io::Write;
use std::process::{Command, Stdio};

use wharf_config::render;

/// Formats a page with groff; returns the page and the warnings, or `None` where groff is missing.
fn formatted(page: &str) -> Option<(String, String)> {
    let started = Command::new("groff")
        .args(["-man", "-ww", "-Kutf8", "-Tutf8", "-P-cbou"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut groff = match started {
        Ok(groff) => groff,
        Err(error) => {
            eprintln!("skipped: groff cannot be started ({error})");
            return None;
        }
    };
    let mut input = groff.stdin.take().expect("a pipe was asked for");
    let page = page.to_owned();
    let writer = std::thread::spawn(move || input.write_all(page.as_bytes()));
    let output = groff.wait_with_output().expect("groff ends");
    writer.join().expect("the writer lives").expect("groff reads the whole page");
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    Some((text(output.stdout), text(output.stderr)))
}

#[test]
fn groff_has_no_complaint_about_the_pages() {
    for page in [render::man_wharfd_conf(), render::man_wharfd()] {
        if let Some((_, warnings)) = formatted(&page) {
            assert_eq!(warnings, "");
        }
    }
}

#[test]
fn the_formatted_page_keeps_patterns_and_paths() {
    if let Some((page, _)) = formatted(&render::man_wharfd_conf()) {
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for piece in ["{*.mp3,*.mov,.private}", "/srv/site/./incoming", "MDTM 20240131120000 name"] {
            assert!(page.contains(piece), "{piece}");
        }
    }
}
