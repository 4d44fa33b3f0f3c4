//! Pure-FTPd: everything by arguments; logs and name look-ups off. It refuses more
//! than 4,000 clients, and more than half as many as it has passive ports.

use super::{Launch, Site};

pub(super) fn launch(site: &Site) -> Launch {
    let (first, last) = site.passive;
    let mut arguments: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["-4", "-S", &format!("127.0.0.1,{}", site.port), "-p", &format!("{first}:{last}")]);
    // So many clients, and so many with one address; no names; no log; idle minutes; the entries of a list.
    add(&["-c", "4000", "-C", "4000", "-H", "-f", "none", "-I", "60", "-L", "1000000:5"]);
    add(&["-l", "pam", "-g", &site.place.join("pid").display().to_string()]);
    if let Some(rate) = site.rate {
        // In KiB per second, of anonymous users.
        add(&["-t", &(rate >> 10).to_string()]);
    }
    if let Some(files) = &site.certificate {
        // TLS for those who ask for it.
        add(&["-Y", "1", "-2", &files.both.display().to_string()]);
    }
    Launch::new(&site.program, arguments)
}
