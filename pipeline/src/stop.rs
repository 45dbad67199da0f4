//! A request to stop, seen by every stage of a run.

use std::sync::Arc;

use tokio::sync::watch;

/// The side that asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StopHandle(Arc<watch::Sender<bool>>);

/// The side that is asked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl StopHandle {
    /// A pair of the two sides.
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self(Arc::new(sender)), Stop(receiver))
    }

    /// Asks; asking twice is as good as once.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// For work that nobody stops.
    pub fn never() -> Self {
        StopHandle::new().1
    }

    /// Whether a stop was asked for.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is asked for; for ever when nobody can ask any more.
    pub async fn asked(&self) {
        let mut receiver = self.0.clone();
        let gone = receiver.wait_for(|asked| *asked).await.is_err();
        if gone {
            std::future::pending::<()>().await;
        }
    }
}
