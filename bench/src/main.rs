//! Measures `wharfd` beside vsftpd: same machine, same work, equal configurations, one command.
//!
//! Both servers run on the loopback of a network namespace of their own, take turns at every piece of work, and are
//! charged for the processor time of all their processes. What comes out are Markdown pages.
#![forbid(unsafe_code)]

mod account;
mod client;
mod figures;
mod idle;
mod load;
mod options;
mod report;
mod server;
mod stage;
mod work;

use std::io;
use std::process::ExitCode;

use options::{Options, Page};
use server::{Contender, Running};
use stage::Stage;

fn main() -> ExitCode {
    let done = Options::from_arguments(std::env::args_os().skip(1))
        .and_then(|options| if stage::is_ours() { measure(&options) } else { stage::enter(&options) });
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("wharf-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does everything, inside the namespaces made for it.
fn measure(options: &Options) -> io::Result<ExitCode> {
    let stage = Stage::set()?;
    let contenders = Contender::all(options, &stage);
    if options.wants(Page::Compare) {
        let mut page = report::Page::begin("wharfd beside vsftpd", "compare", &contenders)?;
        page.comparison(options);
        page.work(&compare(options, &stage, &contenders)?);
        page.idle(&idle::compare(options, &contenders)?);
        publish(options, Page::Compare, &page)?;
    }
    if options.wants(Page::Load) {
        publish(options, Page::Load, &load::measure(options, &contenders)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn publish(options: &Options, which: Page, page: &report::Page) -> io::Result<()> {
    print!("{}", page.text());
    let Some(directory) = &options.output else { return Ok(()) };
    let file = directory.join(which.file());
    page.save(&file)?;
    eprintln!("written to {}", file.display());
    Ok(())
}

/// Lets the contenders take turns at each piece of work.
fn compare(options: &Options, stage: &Stage, contenders: &[Contender]) -> io::Result<Vec<figures::Row>> {
    let running = contenders.iter().map(Running::start).collect::<io::Result<Vec<_>>>()?;
    let mut rows = Vec::new();
    for job in work::jobs(options.quick) {
        eprintln!("{} …", job.name);
        let mut entrants: Vec<_> =
            running.iter().filter(|one| job.concerns(one.contender)).map(|one| (one, Vec::new())).collect();
        for turn in 0..=options.runs() {
            for (server, samples) in &mut entrants {
                let sample = job.measure(server, stage)?;
                // The first turn warms caches and starts brokers; it is not counted.
                if turn > 0 {
                    samples.push(sample);
                }
            }
        }
        rows.extend(
            entrants.iter().map(|(server, samples)| figures::Row::new(&job, server.contender.name, samples)),
        );
    }
    Ok(rows)
}
