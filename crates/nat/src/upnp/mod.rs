//! The UPnP Internet gateway: found by SSDP, described in XML, told what to do by SOAP (UPnP IGD 1 and 2).
//!
//! | | |
//! |---|---|
//! | who is there | [`ssdp`] |
//! | one HTTP question and its answer | [`http`] |
//! | where its services are | [`description`] |
//! | what is said to them | [`soap`] |
//!
//! XML is not parsed as a whole: the few elements that matter are picked out of a text of bounded length, and what cannot
//! be found is not there. No entity is expanded and nothing is fetched because a document names it.

pub mod description;
pub mod http;
pub mod soap;
pub mod ssdp;
mod xml;
