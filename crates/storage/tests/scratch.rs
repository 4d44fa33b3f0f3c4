//! x
mod common;
use std::time::Instant;
use common::*;
use wharf_proto::store::*;
use wharf_ipc::broker::*;
use wharf_ipc::link::Link;
use std::os::fd::AsFd;
#[test]
fn empty() {
    let (a, b) = Link::<NewLogin, Started>::pair().unwrap();
    println!("NewLogin: {:?}", a.send_with(&NewLogin, &[b.as_fd()]));
}
#[test]
fn speed() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    for sort_limit in [10_000, 200_000] {
        let root = dir.path().join(format!("r{sort_limit}"));
        let mut local = common::local(&root, Rules { sort_limit, ..rules() });
        for n in 0..100_000 { std::fs::write(root.join(format!("file-number-{n}")), "").unwrap(); }
        for format in [Format::Long, Format::Names, Format::Facts(Facts{kind:true,size:true,modify:true,perm:true,unique:true,unix_mode:true,unix_owner:true,unix_group:true})] {
        let start = Instant::now();
        let served = local.serve(Request::List(wish("", format, ListFlags::default())), &mut None).unwrap();
        let mut reader = std::fs::File::from(served.descriptor.unwrap());
        let mut job = served.job.unwrap();
        let mut total = 0; let mut first = None; let mut buffer = vec![0; 262144];
        use std::io::Read;
        while job.step(&mut local, 256) != wharf_storage::listing::Progress::Done {
            while let Ok(n @ 1..) = reader.read(&mut buffer) { total += n; first.get_or_insert(start.elapsed()); }
        }
        println!("limit {sort_limit}: {:?}, first {:?}, {total}+ octets", start.elapsed(), first);
        }
    }
}
