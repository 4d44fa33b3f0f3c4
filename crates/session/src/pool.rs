//! A few threads for what may sleep: reading files that are not in memory.
//!
//! They are started before the sandbox closes, because afterwards nobody here can make a thread. Their number is
//! fixed: a session costs no thread.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

/// Threads per worker. More would not make one disk faster; fewer would let one slow disk hold up another.
const THREADS: usize = 4;

/// Jobs that may wait. Each belongs to a transfer, so sessions bound it; this is the backstop.
const QUEUE: usize = 4096;

type Job = Box<dyn FnOnce() + Send>;

/// The threads and their queue.
pub(crate) struct Pool(mpsc::SyncSender<Job>);

impl Pool {
    /// Starts the threads.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel::<Job>(QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..THREADS {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new().name(format!("disk {number}")).stack_size(128 * 1024).spawn(
                move || {
                    loop {
                        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        match job {
                            Ok(job) => job(),
                            Err(mpsc::RecvError) => return,
                        }
                    }
                },
            )?;
        }
        Ok(Self(sender))
    }

    /// Runs something that may sleep; `None` when the queue is full or the job died.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, wait) = oneshot::channel();
        let job: Job = Box::new(move || {
            // The transfer may have been broken off meanwhile; then nobody waits.
            let _ = answer.send(work());
        });
        self.0.try_send(job).ok()?;
        wait.await.ok()
    }
}
