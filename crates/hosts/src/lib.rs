//! `hosts.allow` and `hosts.deny`: who may connect, as the host access files say it (hosts_access(5), hosts_options(5)).
//!
//! The files are read by us, without libwrap; the language is the extended one that Debian's libwrap has, options and
//! all. This room reads files and judges addresses and names. It looks up no names, runs no commands, and does not know
//! what the environment it hands back is for.
//!
//! # Where we judge otherwise than libwrap
//!
//! One law: what libwrap does not read, or we cannot ask, may refuse a client and never admits one. So the verdict is
//! libwrap's or stricter, except where [`Rules::remarks`] tells of a looser effect, and for one kind of wildcard below.
//!
//! - A net with bits behind its mask (`10.1.2.3/8`), `n.n.n.n/0`, a part of an address without its dot (`131.155`) match
//!   nobody in libwrap. Here they count as meant where that refuses.
//! - What has no meaning for us (a broken net such as `10.0.0.0/8x` or `010.0.0.0/8`, of which libwrap makes something; an
//!   IPv6 zone, a netgroup, the server's own name) matches nobody. Behind `EXCEPT` in a rule that
//!   admits, it takes the whole exception, so that rule admits nobody. Only alone in a rule that refuses does it let
//!   clients through, with a remark whose effect is [`Effect::Looser`].
//! - A line of `hosts.allow` without line end, or longer than 2046 octets, is passed over as in libwrap, except when it
//!   refuses. In `hosts.deny` it refuses everyone, as in Debian's libwrap. An indented `#` begins a rule and no comment;
//!   such a rule may refuse and does not admit. A rule with a bracket that is not closed refuses.
//! - A list file has neither comments nor commas nor `EXCEPT`; such words may refuse and do not admit.
//! - `10.*` is compared with addresses only, since whoever rules a reverse zone may name a host `10.example.org`. This is
//!   the exception: in `hosts.deny`, too, that name is not refused by that pattern, and no lookup is spent on it.
//! - `twist` refuses, which is what it comes to for the daemon it replaces. `aclexec` refuses, since only its command
//!   could admit. `spawn`, `banners`, `severity`, `nice`, `umask`, `linger`, `keepalive`, `rfc931` are passed over.
//!   `user` and `group` are passed over too and their accounts are not looked up.
//! - No client is asked who its user is: each is `unknown`, so `ALL@host` and `UNKNOWN@host` match, `KNOWN@host` never.
//! - The files are read when they are given to us, not at each connection. A list file that is there and cannot be read
//!   whole is an error.

#![forbid(unsafe_code)]

mod client;
mod expand;
mod file;
mod line;
mod list;
mod option;
mod pattern;
mod read;
mod remark;
mod rule;
mod rules;
mod stance;

pub use client::{Client, Name};
pub use remark::{Effect, Place, Remark};
pub use rules::{Judgement, Rules, Text};
