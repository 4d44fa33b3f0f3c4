//! Plays all sites, several at a time, and says what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::baseline::Baseline;
use crate::contender::{Contender, Model};
use crate::judge::{Outcome, Verdict};
use crate::options::{Options, documents, here};
use crate::report::{self, Count};
use crate::rows::{Chapter, Site};
use crate::site;
use crate::stage::Stage;
use crate::surroundings::Surroundings;

/// Sites at a time. They mostly wait, so there are more than processors.
const AT_ONCE: usize = 6;

/// The version that the rows' expectations and the baseline are about.
const VERSION: &str = "vsftpd 3.0.3";

/// The most lines of one difference on the terminal.
const MOST_LINES: usize = 12;

/// A chapter that was played.
pub(crate) struct Played {
    pub(crate) title: String,
    pub(crate) rows: Vec<Outcome>,
    /// Names of rows that cannot be played on this machine.
    pub(crate) skipped: Vec<String>,
}

/// Plays the suite; returns whether nothing got worse.
///
/// # Errors
/// When rows cannot be read or played at all.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let began = Instant::now();
    let mut chapters = Chapter::all(&here().join("rows"))?;
    check_references(&chapters)?;
    if let Some(words) = &options.only {
        select(&mut chapters, words);
    }
    let version = version(&options.vsftpd)?;
    let played = play(&chapters, options)?;
    show(&played, options.all);
    let total = Count::of(played.iter().flat_map(|chapter| &chapter.rows));
    let seconds = began.elapsed().as_secs();
    println!(
        "\nCompatibility with {version}: {} same or better, {} different; {seconds} s.",
        total.score(),
        total.different
    );
    if options.only.is_some() {
        return Ok(true);
    }
    if version != VERSION {
        println!("The rows are about {VERSION}, so this result is not judged, and nothing is written.");
        return Ok(true);
    }
    settle(&played, &version, options)
}

/// Holds the result against the baseline, and writes it when nothing got worse.
fn settle(played: &[Played], version: &str, options: &Options) -> Result<bool, String> {
    let path = here().join("score.txt");
    let before = Baseline::read(&fs::read_to_string(&path).unwrap_or_default());
    let now = Baseline::of(played, &before);
    let worse = before.worse(&now);
    worse.iter().for_each(|one| println!("WORSE: {one}"));
    if !worse.is_empty() && !options.accept {
        println!("Nothing was written. If this is meant to be, run `cargo xtask compat --accept`.");
        return Ok(false);
    }
    if played.iter().any(|chapter| !chapter.skipped.is_empty()) {
        println!("Rows were skipped, so nothing is written.");
        return Ok(true);
    }
    let files = [(path, now.text()), (documents().join("compat-score.md"), report::page(played, version))];
    for (path, text) in files {
        if fs::read_to_string(&path).is_ok_and(|held| held == text) {
            continue;
        }
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{} was written.", path.display());
    }
    Ok(true)
}

/// Every document that explains a difference must say what the row quotes.
fn check_references(chapters: &[Chapter]) -> Result<(), String> {
    let rows = chapters.iter().flat_map(|chapter| &chapter.sites).flat_map(|site| &site.rows);
    for (row, reference) in rows.flat_map(|row| row.better.iter().map(move |one| (row, one))) {
        let path = documents().join(&reference.file);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if !text.contains(&reference.words) {
            return Err(format!("{}: {} does not say \"{}\"", row.name, reference.file, reference.words));
        }
    }
    Ok(())
}

fn select(chapters: &mut Vec<Chapter>, words: &str) {
    for chapter in chapters.iter_mut().filter(|chapter| !chapter.title.contains(words)) {
        for site in chapter.sites.iter_mut().filter(|site| !site.name.contains(words)) {
            site.rows.retain(|row| row.name.contains(words));
        }
        chapter.sites.retain(|site| !site.rows.is_empty());
    }
    chapters.retain(|chapter| !chapter.sites.is_empty());
}

/// Returns what the original calls itself.
fn version(program: &std::path::Path) -> Result<String, String> {
    // It states its version on standard input, which it takes for the connection.
    let script = r#"exec "$0" -v 0>&1 2>&1"#;
    let output = Command::new("sh").args(["-c", script]).arg(program).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match text.trim().strip_prefix("vsftpd: version ") {
        Some(version) => Ok(format!("vsftpd {version}")),
        None => Err(format!("{} does not state a version; it said: {}", program.display(), text.trim())),
    }
}

fn play(chapters: &[Chapter], options: &Options) -> Result<Vec<Played>, String> {
    let contenders = [
        Contender { program: options.vsftpd.clone(), model: Model::ProcessPerSession, index: 0 },
        Contender { program: options.wharfd.clone(), model: Model::Workers, index: 1 },
    ];
    let mut played: Vec<Played> = chapters
        .iter()
        .map(|chapter| Played { title: chapter.title.clone(), rows: Vec::new(), skipped: Vec::new() })
        .collect();
    let sites = playable(chapters, &mut played);
    let (next, began) = (AtomicUsize::new(0), Stage::now());
    let outcomes = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(sites.len()) {
            scope.spawn(|| {
                let stage = Stage::set(began);
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((_, site)) = sites.get(index) else { return };
                    let outcome = site::play(site, &stage, &contenders);
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(index, outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (index, outcome) in outcomes {
        let chapter = sites.get(index).and_then(|(chapter, _)| played.get_mut(*chapter));
        if let Some(chapter) = chapter {
            chapter.rows.extend(outcome?);
        }
    }
    Ok(played)
}

/// Returns the sites that this machine can play, with the numbers of their chapters; tells of the others.
fn playable<'a>(chapters: &'a [Chapter], played: &mut [Played]) -> Vec<(usize, &'a Site)> {
    let surroundings = Surroundings::ask();
    let mut sites = Vec::new();
    for (index, (chapter, played)) in chapters.iter().zip(played).enumerate() {
        for site in &chapter.sites {
            match surroundings.lack(site) {
                None => sites.push((index, site)),
                Some(why) => {
                    println!("SKIPPED: {} / {}: {why}", chapter.title, site.name);
                    played.skipped.extend(site.rows.iter().map(|row| row.name.clone()));
                }
            }
        }
    }
    sites
}

fn show(played: &[Played], all: bool) {
    for chapter in played {
        for row in &chapter.rows {
            if row.is_stale {
                println!("\n{} / {}: did not differ as its @better lines say", chapter.title, row.name);
            }
            if row.verdict == Verdict::Different {
                println!("\n{} / {}: {}", chapter.title, row.name, row.verdict.name());
                let most = if all { usize::MAX } else { MOST_LINES };
                row.lines.iter().take(most).for_each(|line| println!("    {line}"));
            }
        }
    }
}
