//! Messages on their way to a thread. Waking a thread costs more than most of what it is then asked for, so it is woken only where
//! somebody waits, and otherwise finds what has come when it looks the next time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::lock;
use super::signal::Signal;

/// Whether the sender of a message waits for what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// The receiver is to see to it at once.
    Now,
    /// The receiver may let it wait for as long as it calls patience.
    Soon,
}

/// The two ends of a new mailbox.
pub fn mailbox<M>() -> (Sender<M>, Receiver<M>) {
    let mailbox = Arc::new(Mailbox {
        state: Mutex::new(State {
            messages: Vec::new(),
            oldest_sent: None,
            has_news: false,
            is_closed: false,
            receiver: Attention::Awake,
        }),
        urgent: Signal::default(),
        arrival: Condvar::new(),
    });
    (Sender(Arc::clone(&mailbox)), Receiver(mailbox))
}

struct Mailbox<M> {
    state: Mutex<State<M>>,
    /// Somebody waits for one of the messages. Set with the state locked.
    urgent: Signal,
    arrival: Condvar,
}

struct State<M> {
    messages: Vec<M>,
    /// When the first of the messages was sent.
    oldest_sent: Option<Instant>,
    /// Something was sent since the receiver last began to nap; it may have been taken back.
    has_news: bool,
    /// One of the ends is gone.
    is_closed: bool,
    receiver: Attention,
}

/// When the receiver is going to look again by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attention {
    /// Before it sleeps.
    Awake,
    /// Before its patience ends.
    Napping,
    /// Not any time soon.
    Asleep,
}

/// The sending end. The mailbox closes as it is dropped.
pub struct Sender<M>(Arc<Mailbox<M>>);

impl<M> Sender<M> {
    /// Hands a message over, or back when the receiver is gone.
    pub fn send(&self, message: M, urgency: Urgency) -> Result<(), M> {
        let mut state = lock(&self.0.state);
        if state.is_closed {
            return Err(message);
        }
        state.push(message);
        if urgency == Urgency::Now {
            self.0.urgent.set(true);
        }
        let must_wake = match state.receiver {
            Attention::Awake => false,
            Attention::Napping => urgency == Urgency::Now,
            Attention::Asleep => true,
        };
        if must_wake {
            self.wake(state);
        }
        Ok(())
    }

    /// Takes back what was sent and not received, if `all` of it is such that the sender can see to it.
    pub fn take_back(&self, all: impl FnMut(&M) -> bool) -> Option<Vec<M>> {
        let mut state = lock(&self.0.state);
        if !state.messages.iter().all(all) {
            return None;
        }
        self.0.urgent.set(false);
        Some(state.take())
    }

    /// Sends messages before all others that wait: those that were taken back, and that the receiver has to see to after all.
    pub fn send_first(&self, mut messages: Vec<M>) -> Result<(), Vec<M>> {
        let mut state = lock(&self.0.state);
        if state.is_closed {
            return Err(messages);
        }
        messages.append(&mut state.messages);
        state.messages = messages;
        state.oldest_sent.get_or_insert_with(Instant::now);
        self.0.urgent.set(true);
        self.wake(state);
        Ok(())
    }

    /// Lets the receiver look after itself.
    pub fn nudge(&self) {
        let state = lock(&self.0.state);
        self.0.urgent.set(true);
        self.wake(state);
    }

    fn wake(&self, mut state: MutexGuard<'_, State<M>>) {
        state.receiver = Attention::Awake;
        drop(state);
        self.0.arrival.notify_one();
    }
}

impl<M> Drop for Sender<M> {
    fn drop(&mut self) {
        lock(&self.0.state).is_closed = true;
        self.0.arrival.notify_one();
    }
}

/// Why a receiver stopped waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There are messages, or there were a moment ago.
    Ready,
    /// The time was over.
    Nothing,
    /// There are no messages, and no more will come.
    End,
}

/// The receiving end. Messages that nobody receives any more are dropped with it.
pub struct Receiver<M>(Arc<Mailbox<M>>);

impl<M> Receiver<M> {
    /// Waits for messages, until `deadline` where there is one. Each of those that nobody waits for may wait for as long as `patience`, so
    /// that others come with it, or the sender takes it back.
    pub fn wait(&self, deadline: Option<Instant>, patience: Duration) -> Waited {
        let mut state = lock(&self.0.state);
        let mut nap_end = state.begin_nap(Instant::now(), patience);
        loop {
            let now = Instant::now();
            if nap_end <= now && state.has_news {
                nap_end = state.begin_nap(now, patience);
            }
            let is_napping = now < nap_end;
            if let Some(waited) = state.ready(self.0.urgent.is_set(), is_napping) {
                return waited;
            }
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Waited::Nothing;
            }
            let wake_at = [is_napping.then_some(nap_end), deadline].into_iter().flatten().min();
            state.receiver = if is_napping {
                Attention::Napping
            } else {
                Attention::Asleep
            };
            state = self.sleep(state, wake_at.map(|wake_at| wake_at - now));
            state.receiver = Attention::Awake;
        }
    }

    /// The messages, in the order in which they were sent.
    pub fn take(&self) -> Vec<M> {
        let mut state = lock(&self.0.state);
        self.0.urgent.set(false);
        state.take()
    }

    /// Spins until somebody waits for a message, for a quarter of a millisecond at most.
    pub fn spin(&self) {
        self.0.urgent.spin();
    }

    fn sleep<'a>(&self, state: MutexGuard<'a, State<M>>, at_most: Option<Duration>) -> MutexGuard<'a, State<M>> {
        let arrival = &self.0.arrival;
        match at_most {
            None => arrival.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(at_most) => {
                let woken = arrival.wait_timeout(state, at_most);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

impl<M> State<M> {
    fn push(&mut self, message: M) {
        if self.messages.is_empty() {
            self.oldest_sent = Some(Instant::now());
        }
        self.messages.push(message);
        self.has_news = true;
    }

    fn take(&mut self) -> Vec<M> {
        self.oldest_sent = None;
        std::mem::take(&mut self.messages)
    }

    /// When the receiver has been patient enough with the oldest message, or, where there is none, with the sender: one that has just
    /// taken back what it sent is about to send more, and would have to wake a receiver that sleeps.
    fn begin_nap(&mut self, now: Instant, patience: Duration) -> Instant {
        self.has_news = false;
        self.oldest_sent.unwrap_or(now) + patience
    }

    /// What a receiver need not wait for any more.
    fn ready(&self, is_urgent: bool, is_napping: bool) -> Option<Waited> {
        let has_messages = !self.messages.is_empty();
        match (self.is_closed, has_messages) {
            (true, false) => Some(Waited::End),
            _ if is_urgent || self.is_closed || has_messages && !is_napping => Some(Waited::Ready),
            _ => None,
        }
    }
}

impl<M> Drop for Receiver<M> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.is_closed = true;
        let unread = std::mem::take(&mut state.messages);
        // What a message does as it is dropped may lead back here.
        drop(state);
        drop(unread);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn received(receiver: &Receiver<u32>, patience: Duration) -> Vec<u32> {
        receiver.wait(None, patience);
        receiver.take()
    }

    #[test]
    fn what_nobody_waits_for_comes_with_what_somebody_waits_for() {
        let (sender, receiver) = mailbox();
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| received(&receiver, LONG));
            sender.send(1, Urgency::Soon).unwrap();
            sender.send(2, Urgency::Soon).unwrap();
            sender.send(3, Urgency::Now).unwrap();
            assert_eq!(receiving.join().unwrap(), [1, 2, 3]);
        });
    }

    #[test]
    fn what_nobody_waits_for_comes_when_patience_ends() {
        let (sender, receiver) = mailbox();
        sender.send(1, Urgency::Soon).unwrap();
        assert_eq!(received(&receiver, Duration::from_millis(1)), [1]);
    }

    #[test]
    fn the_patience_with_a_message_begins_when_it_is_sent() {
        let patience = Duration::from_millis(40);
        let (sender, receiver) = mailbox();
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| {
                let received = received(&receiver, patience);
                (received, Instant::now())
            });
            while lock(&receiver.0.state).receiver != Attention::Napping {
                std::thread::yield_now();
            }
            // Late in the nap that began without it.
            std::thread::sleep(patience * 3 / 4);
            let sent = Instant::now();
            sender.send(1, Urgency::Soon).unwrap();
            let (received, at) = receiving.join().unwrap();
            assert_eq!(received, [1]);
            assert!(at - sent >= patience);
        });
    }

    #[test]
    fn what_nobody_waits_for_wakes_a_receiver_that_would_not_look() {
        let (sender, receiver) = mailbox();
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| received(&receiver, Duration::ZERO));
            while lock(&receiver.0.state).receiver != Attention::Asleep {
                std::thread::yield_now();
            }
            sender.send(1, Urgency::Soon).unwrap();
            assert_eq!(receiving.join().unwrap(), [1]);
        });
    }

    #[test]
    fn a_deadline_ends_the_waiting() {
        let (_sender, receiver) = mailbox::<u32>();
        let deadline = Some(Instant::now() + Duration::from_millis(1));
        assert_eq!(receiver.wait(deadline, LONG), Waited::Nothing);
    }

    #[test]
    fn what_was_sent_before_the_end_is_received() {
        let (sender, receiver) = mailbox();
        sender.send(1, Urgency::Soon).unwrap();
        drop(sender);
        assert_eq!(received(&receiver, LONG), [1]);
        assert_eq!(receiver.wait(None, LONG), Waited::End);
    }

    #[test]
    fn what_is_taken_back_and_sent_first_comes_before_what_was_sent_meanwhile() {
        let (sender, receiver) = mailbox();
        sender.send(1, Urgency::Soon).unwrap();
        let taken = sender.take_back(|message| *message == 1).unwrap();
        sender.send(2, Urgency::Soon).unwrap();
        assert_eq!(sender.take_back(|message| *message == 1), None);
        sender.send_first(taken).unwrap();
        assert_eq!(received(&receiver, LONG), [1, 2]);
    }

    #[test]
    fn nothing_is_kept_for_a_receiver_that_is_gone() {
        let (sender, receiver) = mailbox();
        let message = Arc::new(());
        sender.send(Arc::clone(&message), Urgency::Soon).unwrap();
        drop(receiver);
        assert_eq!(Arc::strong_count(&message), 1);
        assert!(sender.send(message, Urgency::Now).is_err());
    }
}
