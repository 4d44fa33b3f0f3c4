//! Who moves when, on a real event loop.

use super::*;

fn on_the_loop<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

/// Tells how often the event loop looks at the network while something runs.
async fn looks(work: impl Future<Output = ()>) -> usize {
    let looks = Cell::new(0);
    let looking = async {
        loop {
            tokio::task::yield_now().await;
            looks.set(looks.get() + 1);
        }
    };
    tokio::select! { biased; () = work => {}, () = looking => {} }
    looks.get()
}

#[test]
fn a_round_is_shared_by_all_and_pieces_stay_large() {
    on_the_loop(async {
        let turns = Turns::default();
        let transfers: Vec<_> = (0..40).map(|_| turns.begin(1)).collect();
        let move_one = async |turn: &Turn<'_>| assert_eq!(turn.next(usize::MAX).await, PIECE);
        let all = async {
            let mut moves: Vec<_> = transfers.iter().map(|turn| Box::pin(move_one(turn))).collect();
            std::future::poll_fn(|context| {
                moves.retain_mut(|one| one.as_mut().poll(context).is_pending());
                if moves.is_empty() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        };
        let looks = looks(all).await;
        assert!(looks >= 40 * PIECE / ROUND, "{looks} looks while 40 pieces were moved");
    });
}

#[test]
fn two_transfers_move_alike() {
    on_the_loop(async {
        let turns = Turns::default();
        let (one, other) = (turns.begin(1), turns.begin(1));
        let (first, second) = (Cell::new(0_u32), Cell::new(0_u32));
        let moving = async |turn: &Turn<'_>, pieces: &Cell<u32>| {
            while pieces.get() < 100 {
                turn.next(PIECE).await;
                pieces.set(pieces.get() + 1);
            }
        };
        tokio::select! { biased; () = moving(&one, &first) => {}, () = moving(&other, &second) => {} }
        assert!(first.get().abs_diff(second.get()) <= 2, "{} and {}", first.get(), second.get());
    });
}

#[test]
fn what_costs_more_moves_less_between_two_looks() {
    on_the_loop(async {
        let turns = Turns::default();
        let work = async |weight| {
            let turn = turns.begin(weight);
            for _ in 0..64 {
                assert_eq!(turn.next(PIECE / 4).await, PIECE / 4);
            }
        };
        let light = looks(work(1)).await;
        let heavy = looks(work(4)).await;
        assert!(heavy >= 3 * light && light > 0, "{light} looks, {heavy} looks");
    });
}

#[test]
fn what_was_not_moved_is_there_for_others() {
    on_the_loop(async {
        let turns = Turns::default();
        let small: Vec<_> = (0..1000).map(|_| turns.begin(4)).collect();
        let all = async {
            for turn in &small {
                let granted = turn.next(PIECE).await;
                turn.give_back(granted - 1024);
            }
        };
        let looks = looks(all).await;
        assert!(looks < 10, "{looks} looks for {} KiB", small.len());
    });
}

#[test]
fn who_does_not_use_a_turn_keeps_nobody_waiting_and_neither_does_who_leaves() {
    on_the_loop(async {
        let turns = Turns::default();
        let (busy, gone, other) = (turns.begin(1), turns.begin(1), turns.begin(1));
        // The round is used up.
        turns.0.left.set(0);
        let mut unused = Box::pin(busy.next(PIECE));
        let mut left = Box::pin(gone.next(PIECE));
        std::future::poll_fn(|context| {
            // Both wait, and the first is not polled again although its turn comes.
            assert!(unused.as_mut().poll(context).is_pending());
            assert!(left.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(left);
        for _ in 0..100 {
            other.next(PIECE).await;
        }
        assert_eq!(unused.await, PIECE);
    });
}

#[test]
fn a_newcomer_is_not_behind_everybody_who_moves_much() {
    on_the_loop(async {
        let turns = Turns::default();
        let order = RefCell::new(Vec::new());
        let long: Vec<_> = (0..50).map(|_| turns.begin(1)).collect();
        for turn in &long {
            turn.next(PIECE).await;
        }
        let newcomer = turns.begin(1);
        let wait = async |turn: &Turn<'_>, name: &'static str| {
            turn.next(PIECE).await;
            order.borrow_mut().push(name);
        };
        let mut all: Vec<_> = long.iter().map(|turn| Box::pin(wait(turn, "long"))).collect();
        all.push(Box::pin(wait(&newcomer, "newcomer")));
        std::future::poll_fn(|context| {
            all.retain_mut(|one| one.as_mut().poll(context).is_pending());
            if all.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let place = order.borrow().iter().position(|name| *name == "newcomer").unwrap();
        assert!(place < 10, "it was number {place}");
    });
}

#[test]
fn between_two_rounds_the_event_loop_looks_at_the_network() {
    use std::io::Write;
    use tokio::io::AsyncReadExt;

    on_the_loop(async {
        let (mut peer, ours) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut ours = tokio::net::UnixStream::from_std(ours).unwrap();
        let turns = Turns::default();
        let transfer = async {
            let turn = turns.begin(1);
            turn.next(PIECE).await;
            peer.write_all(b"NOOP").unwrap();
            // A transfer that is always ready: it would never let go by itself.
            for _ in 0..3 * ROUND / PIECE {
                turn.next(PIECE).await;
            }
            "transfer"
        };
        let hearing = async {
            ours.read_exact(&mut [0; 4]).await.unwrap();
            "heard"
        };
        let first = tokio::select! { biased; done = transfer => done, done = hearing => done };
        assert_eq!(first, "heard");
    });
}
