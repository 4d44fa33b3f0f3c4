//! Certificates that are ordered (`acme_domains`): when, by which process, and where they are put.
//!
//! The monitor looks the authority's host up (a resolver), opens the account's file and the sockets that the authority is
//! going to call, makes the connections to the directory, and starts the acme role with them; it reads from none. The
//! keyholder makes the key, writes the signed requests and judges the chain. What it takes is put in place by a rename,
//! and then goes the way of every certificate that was replaced (`keys.rs`). One order at a time.
//!
//! | | |
//! |---|---|
//! | when | `renewal.rs` |
//! | by which process | `role.rs` |
//! | where everything is kept | `place.rs` |

mod place;
mod renewal;
mod role;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use wharf_config::{AcmeOrder, Problem};
use wharf_ipc::acme::{Done, FromAcme, Task, ToAcme, Validity};
use wharf_ipc::link::Link;
use wharf_os::spawn::Child;

use super::keys::Keys;
use super::workers::end;
use super::{Due, Monitor};
use place::{CERTIFICATE, Place};
use renewal::{Renewal, span};

/// The longest sleep before the clock on the wall is looked at again: it may have been put, or the machine been asleep.
const LONGEST_SLEEP: u64 = 3600;

/// The order under way, if there is one.
#[derive(Default)]
pub(super) struct Orders {
    running: Option<Running>,
    /// How many processes were started for orders: the number of the last.
    started: u64,
    /// Which plan counts; earlier ones were made for something else.
    plan: u64,
    /// When the last order began, whatever stands in the record: that may be lost or not to be written.
    began: Option<Instant>,
}

struct Running {
    child: Child,
    order: AcmeOrder,
    stage: Stage,
}

enum Stage {
    /// A resolver looks for the directory.
    Searching(Link<(), Vec<IpAddr>>),
    /// The acme role is at work.
    Ordering { link: Link<ToAcme, FromAcme>, addresses: Vec<SocketAddr>, connections: usize },
}

/// How an order ended that brought nothing.
struct Failure {
    reason: String,
    retry_after: Option<u32>,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self { reason, retry_after: None }
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

impl Orders {
    pub(super) fn child(&mut self) -> Option<&mut Child> {
        self.running.as_mut().map(|running| &mut running.child)
    }
}

/// Makes sure that there is something to show to clients: without a certificate, one of our own.
///
/// # Errors
/// What is wrong with `acme_dir`.
pub(super) fn prepare(keys: &Keys, order: &AcmeOrder) -> Result<(), Problem> {
    let made = Place::open(&order.place).and_then(|place| match place.has(CERTIFICATE) {
        true => Ok(false),
        false => {
            let file = place.fresh(CERTIFICATE)?;
            let task = Task::Placeholder { domains: order.domains.clone() };
            match keys.carry_out(task, &[file.as_fd()])? {
                Done::Stored(_) => {}
                Done::Refused(why) => return Err(why),
                Done::Begun { .. } => return Err("the keyholder has begun something else".to_owned()),
            }
            // What was issued before is not here any more.
            place.set_renewal(&Renewal::of_a_placeholder().text())?;
            place.put(&file, CERTIFICATE).map(|()| true)
        }
    });
    match made {
        Ok(false) => Ok(()),
        Ok(true) => {
            wharf_os::say!(
                "wharfd: monitor: there is no certificate for {} yet; until one is issued, clients are shown one that \
                 nobody vouches for",
                order.domains.join(", ")
            );
            Ok(())
        }
        Err(why) => Err(Problem {
            text: format!("acme_dir={}", order.place.display()).into(),
            suggestion: Some(
                "mend the directory, name another in acme_dir, or remove acme_domains".to_owned(),
            ),
            ..Problem::error(format!("SSL: cannot keep ordered certificates: {why}"))
        }),
    }
}

impl Monitor {
    /// Plans the next order, after a start, a reload or another order. One for something else is broken off.
    pub(super) fn plan_order(&mut self) {
        let wanted = self.settings.config.acme_order().filter(|_| !self.serves_one && self.end.is_none());
        if self.orders.running.as_ref().is_some_and(|running| Some(&running.order) != wanted.as_ref()) {
            self.break_off();
        }
        self.orders.plan += 1;
        let Some(order) = wanted.filter(|_| self.orders.running.is_none()) else { return };
        let due = self.order_due(&order);
        let sleep = Duration::from_secs(due.saturating_sub(now()).min(LONGEST_SLEEP));
        let least = Duration::from_secs(renewal::least(self.settings.config.acme.acme_retry_delay));
        let rest = self.orders.began.map_or(Duration::ZERO, |began| least.saturating_sub(began.elapsed()));
        self.in_time(sleep.max(rest), self.orders.plan, Due::Order);
    }

    /// SIGHUP: pauses after failures end, and the configuration may be another.
    pub(super) fn reconsider_order(&mut self) {
        if let Some(order) = self.settings.config.acme_order() {
            let kept = Place::open(&order.place).and_then(|place| {
                let mut renewal = Renewal::read(&place.renewal());
                renewal.encourage();
                if place.has(place::RENEWAL) { place.set_renewal(&renewal.text()) } else { Ok(()) }
            });
            kept.unwrap_or_else(|why| wharf_os::say!("wharfd: monitor: {why}"));
        }
        self.plan_order();
    }

    /// Says at the start what would otherwise be known from the log of the last run only, and plans the next order.
    pub(super) fn begin_orders(&mut self) {
        if let Some(order) = self.settings.config.acme_order().filter(|_| !self.serves_one) {
            let wait = self.order_due(&order).saturating_sub(now());
            let is_there = Place::open(&order.place).is_ok_and(|it| Renewal::read(&it.renewal()).has(&order));
            if !is_there && wait > 0 {
                wharf_os::say!(
                    "wharfd: monitor: an order for {} has failed before; clients are shown {}; next try in {}, or \
                     sooner after SIGHUP",
                    order.domains.join(", "),
                    shown(&order),
                    span(wait)
                );
            }
        }
        self.plan_order();
    }

    fn order_due(&self, order: &AcmeOrder) -> u64 {
        let delay = self.settings.config.acme.acme_retry_delay;
        match Place::open(&order.place) {
            Ok(place) => Renewal::read(&place.renewal()).due(order, delay, now()),
            Err(_) => now() + u64::from(delay),
        }
    }

    pub(super) fn order_is_due(&mut self, plan: u64) {
        if plan != self.orders.plan || self.orders.running.is_some() {
            return;
        }
        let Some(order) = self.settings.config.acme_order().filter(|_| self.end.is_none()) else { return };
        if self.order_due(&order) > now() {
            return self.plan_order();
        }
        self.orders.began = Some(Instant::now());
        if let Err(failure) = self.search(&order) {
            self.order_failed(&order, &failure);
        }
    }

    pub(super) fn hear_acme(&mut self, number: u64) {
        if number != self.orders.started {
            return;
        }
        let Some(running) = &mut self.orders.running else { return };
        match &running.stage {
            Stage::Searching(link) => match link.receive(&mut self.scratch) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(Some(received)) => self.found(received.message),
                Ok(None) | Err(_) => self.found(Vec::new()),
            },
            Stage::Ordering { link, .. } => match link.receive(&mut self.scratch) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(Some(received)) => self.heed(received.message),
                Ok(None) => self.order_over("the acme process ended"),
                Err(_) => self.order_over("the acme process said something that is no message"),
            },
        }
    }

    fn heed(&mut self, message: FromAcme) {
        match message {
            FromAcme::Connect => self.connect_acme(),
            FromAcme::Failed { reason, retry_after } => {
                // Security: the role has read what an authority says.
                let reason = wharf_acme::fit_for_the_log(&reason);
                if let Some(order) = self.break_off() {
                    self.order_failed(&order, &Failure { reason, retry_after });
                }
            }
            FromAcme::Obtained { chain } => {
                let Some(running) = &self.orders.running else { return };
                let order = running.order.clone();
                let stored = self.store(&order, Task::Store { chain });
                self.break_off();
                match stored {
                    Ok(validity) => self.order_succeeded(&order, validity),
                    Err(failure) => self.order_failed(&order, &failure),
                }
            }
        }
    }

    fn store(&self, order: &AcmeOrder, chain: Task) -> Result<Validity, Failure> {
        let place = Place::open(&order.place)?;
        let file = place.fresh(CERTIFICATE)?;
        match self.keys.carry_out(chain, &[file.as_fd()])? {
            Done::Stored(validity) => {
                place.put(&file, CERTIFICATE)?;
                Ok(validity)
            }
            Done::Refused(why) => Err(why.into()),
            Done::Begun { .. } => Err("the keyholder has begun something else".into()),
        }
    }

    fn order_succeeded(&mut self, order: &AcmeOrder, validity: Validity) {
        let noted = self.note(order, |renewal| renewal.issued(order, validity));
        let life = validity.not_after.saturating_sub(now());
        wharf_os::say!(
            "wharfd: monitor: a certificate for {} was issued; it is valid for {}",
            order.domains.join(", "),
            span(life)
        );
        if let Err(failure) = noted {
            wharf_os::say!("wharfd: monitor: {}; it will be ordered again", failure.reason);
        }
        self.follow_keys();
        self.plan_order();
    }

    /// Says why there is no certificate, and when the next try is.
    fn order_failed(&mut self, order: &AcmeOrder, failure: &Failure) {
        // That the file cannot be written may be the failure itself.
        let _ = self.note(order, |renewal| renewal.failed(failure.retry_after, now()));
        let pause = self.order_due(order).saturating_sub(now());
        wharf_os::say!(
            "wharfd: monitor: no certificate was issued for {}: {}; clients are shown {}; next try in {}, or sooner \
             after SIGHUP",
            order.domains.join(", "),
            failure.reason,
            shown(order),
            span(pause)
        );
        self.plan_order();
    }

    pub(super) fn order_time_over(&mut self, number: u64) {
        if number == self.orders.started {
            self.order_over("it took too long");
        }
    }

    fn order_over(&mut self, why: &str) {
        if let Some(order) = self.break_off() {
            self.order_failed(&order, &why.into());
        }
    }

    /// Ends the process of an order, and returns the order.
    fn break_off(&mut self) -> Option<AcmeOrder> {
        let mut running = self.orders.running.take()?;
        // It can fail only when the link is not watched, which is what is wanted.
        let _ = match &running.stage {
            Stage::Searching(link) => self.poller.remove(link),
            Stage::Ordering { link, .. } => self.poller.remove(link),
        };
        end(&mut running.child);
        self.keys.end_order();
        Some(running.order)
    }

    fn note(&self, order: &AcmeOrder, change: impl FnOnce(&mut Renewal)) -> Result<(), Failure> {
        let place = Place::open(&order.place)?;
        let mut renewal = Renewal::read(&place.renewal());
        change(&mut renewal);
        Ok(place.set_renewal(&renewal.text())?)
    }
}

fn shown(order: &AcmeOrder) -> String {
    let renewal = Place::open(&order.place).map(|place| Renewal::read(&place.renewal())).unwrap_or_default();
    renewal.shown(now())
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}
