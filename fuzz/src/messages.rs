//! What our own processes say to each other: a process that was taken over may say anything.
//!
//! What is understood is said again and must be understood as the same.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_ipc::{auth, broker, keyholder, listener, monitor};

use crate::Target;

pub(crate) const ALL: &[(&str, Target)] = &[
    ("ipc_monitor", |octets| {
        survives::<monitor::FromWorker>(octets);
        survives::<monitor::ToWorker>(octets);
        survives::<monitor::FromListener>(octets);
        survives::<monitor::ToListener>(octets);
    }),
    ("ipc_listener", |octets| {
        survives::<listener::FromWorker>(octets);
        survives::<listener::ToWorker>(octets);
    }),
    ("ipc_broker", |octets| {
        survives::<broker::Request>(octets);
        survives::<broker::Answer>(octets);
        survives::<broker::Start>(octets);
    }),
    ("ipc_keys_and_accounts", |octets| {
        survives::<auth::Question>(octets);
        survives::<auth::Verdict>(octets);
        survives::<keyholder::ToKeyholder>(octets);
        survives::<keyholder::FromKeyholder>(octets);
        survives::<keyholder::Question>(octets);
        survives::<keyholder::Answer>(octets);
    }),
];

fn survives<T: Serialize + DeserializeOwned>(octets: &[u8]) {
    if let Ok(message) = postcard::from_bytes::<T>(octets) {
        let again = postcard::to_allocvec(&message).expect("what was understood can be said");
        let twice = postcard::from_bytes::<T>(&again).expect("what we say ourselves is understood");
        assert_eq!(again, postcard::to_allocvec(&twice).expect("it can be said"));
    }
}
