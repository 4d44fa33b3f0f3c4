//! Measures `wharfd` beside every server it means to be better than: same machine, same work, one command.
//!
//! All servers run on the loopback of a network namespace of their own, take turns at every piece of work, and are charged
//! for the processor time of all their processes. What comes out are Markdown pages with plots.
#![forbid(unsafe_code)]

mod account;
mod bare;
mod certificate;
mod client;
mod compare;
mod figures;
mod load;
mod options;
mod peer;
mod plot;
mod provide;
mod report;
mod server;
mod stage;
mod table;
mod targets;
mod tls;
mod work;

use std::io;
use std::process::ExitCode;

use options::{Options, Page};
use provide::Shelf;
use server::Field;
use stage::Stage;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("wharf-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<ExitCode> {
    if std::env::args().nth(1).as_deref() == Some(bare::WORD) {
        return bare::serve(std::env::args().skip(2));
    }
    let options = Options::from_arguments(std::env::args_os().skip(1))?;
    if stage::is_ours() { measure(&options) } else { stage::enter(&options) }
}

/// Does everything, inside the namespaces made for it.
fn measure(options: &Options) -> io::Result<ExitCode> {
    let shelf = Shelf::ours()?;
    let stage = Stage::set(options, &shelf)?;
    let field = Field::gather(options, &stage, &shelf);
    if options.wants(Page::Compare) {
        let mut page = report::Page::begin("wharfd beside other FTP servers", "compare", &field)?;
        page.tls_settings(&field, &stage.certificate)?;
        table::fill(&mut page, options, &compare::compare(options, &stage, &field)?);
        publish(options, Page::Compare, &page)?;
    }
    if options.wants(Page::Load) {
        publish(options, Page::Load, &load::measure(options, &field)?)?;
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
