//! Hearing of decisions, cancel requests and submissions: the server tells of each commit that has some.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};

use crate::connection::{Connecting, quoted};
use crate::write::channel;

/// How often it is looked whether this ends.
const TICK: Duration = Duration::from_millis(100);

/// After how many ticks the server is asked whether it is still there.
const TICKS_PER_CHECK: u32 = 150;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// How long it waits before it connects again.
const PAUSE: Duration = Duration::from_secs(1);

/// Hears of commits on a connection of its own. What is missed while there is none, who waits finds by looking.
pub(super) struct Listener {
    how: Arc<Connecting>,
    is_over: Arc<AtomicBool>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Listener {
    pub(super) fn new(how: Arc<Connecting>, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let is_over = Arc::default();
        Self { how, is_over, wake }
    }

    pub(super) fn start(&self) {
        let (how, is_over, wake) = (Arc::clone(&self.how), Arc::clone(&self.is_over), Arc::clone(&self.wake));
        let listen = move || {
            while !is_over.load(Ordering::Acquire) {
                listen(&how, &is_over, &wake);
                let mut left = PAUSE;
                while !is_over.load(Ordering::Acquire) && !left.is_zero() {
                    thread::sleep(TICK);
                    left = left.saturating_sub(TICK);
                }
            }
        };
        // Without the thread, who waits looks once a second.
        let _ = thread::Builder::new().name("haltpoint-listen".to_owned()).spawn(listen);
    }

    /// It ends soon, and is not waited for.
    pub(super) fn stop(&self) {
        self.is_over.store(true, Ordering::Release);
    }
}

/// Listens until the connection ends, or all of it.
fn listen(how: &Connecting, is_over: &AtomicBool, wake: &Arc<dyn Fn() + Send + Sync>) {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        let connecting = timeout(ANSWER, how.config.connect(how.tls.clone()));
        let Ok(Ok((client, mut connection))) = connecting.await else {
            return;
        };
        let waking = Arc::clone(wake);
        let hearing = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    waking();
                }
            }
        });
        if !is_answered(&client, &format!("LISTEN {}", quoted(&channel(&how.schema_name)))).await {
            return;
        }
        // What was told before it listened is found by looking.
        wake();
        let mut ticks = 0;
        while !is_over.load(Ordering::Acquire) && !hearing.is_finished() {
            sleep(TICK).await;
            ticks += 1;
            if ticks % TICKS_PER_CHECK == 0 && !is_answered(&client, "SELECT 1").await {
                return;
            }
        }
    });
}

async fn is_answered(client: &Client, sql: &str) -> bool {
    matches!(timeout(ANSWER, client.batch_execute(sql)).await, Ok(Ok(())))
}
