//! `SITE RMDIR` removes a directory with all that is in it, as RMDA does.

use super::super::prelude::*;
use super::super::rmda;
use super::Word;

pub(super) const WORD: Word = Word {
    name: "RMDIR",
    right: Right::Remove,
    like: &["RMD", "DELE"],
    pathname: whole,
    is_feature: true,
    start: |session, pathname| rmda::remove(session, pathname, Reply::SiteOk("RMDIR")),
};
