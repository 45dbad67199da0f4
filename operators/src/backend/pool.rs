//! Threads that each own one worker (a pair of sessions), fed through a short queue.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use super::error::BackendError;

type Task<W> = Box<dyn FnOnce(&mut W) + Send>;

struct Queue<W> {
    tasks: Mutex<(VecDeque<Task<W>>, bool)>,
    filled: Condvar,
}

/// N threads with a worker each. One batch per thread runs and one waits; further callers wait in [`Pool::run`].
pub(crate) struct Pool<W> {
    queue: Arc<Queue<W>>,
    room: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

/// The outcome of a job with its times.
pub(crate) struct Done<R> {
    /// What the job returned, or the message of its panic.
    pub(crate) outcome: Result<R, String>,
    pub(crate) waited: Duration,
    pub(crate) ran: Duration,
}

impl<W> std::fmt::Debug for Pool<W> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pool").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl<W: Send + 'static> Pool<W> {
    /// Starts one thread per worker.
    pub(crate) fn start(workers: Vec<W>) -> Result<Self, BackendError> {
        let queue = Arc::new(Queue { tasks: Mutex::new((VecDeque::new(), false)), filled: Condvar::new() });
        // One running and one waiting per thread: a thread never idles while its next batch is being prepared.
        let room = Arc::new(Semaphore::new(workers.len() * 2));
        let mut pool = Self { queue, room, threads: Vec::new() };
        for (number, worker) in workers.into_iter().enumerate() {
            let queue = Arc::clone(&pool.queue);
            let thread = std::thread::Builder::new()
                .name(format!("rexdrug-infer-{number}"))
                .spawn(move || serve(&queue, worker))
                .map_err(|error| BackendError::WorkersLost { message: format!("cannot start a thread: {error}") })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Runs `job` on the next free worker. Dropping the future before the job has started cancels it.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut W) -> R + Send + 'static,
    ) -> Result<Done<R>, BackendError> {
        let lost = |message: &str| BackendError::WorkersLost { message: message.to_owned() };
        let asked = Instant::now();
        let permit = Arc::clone(&self.room).acquire_owned().await.map_err(|_| lost("the queue is closed"))?;
        let (reply, answer) = oneshot::channel();
        let task: Task<W> = Box::new(move |worker| {
            let _permit = permit;
            if reply.is_closed() {
                return;
            }
            let waited = asked.elapsed();
            let started = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| job(worker))).map_err(|panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
            });
            // The caller may have gone meanwhile; then nobody wants the answer.
            let _ = reply.send(Done { outcome, waited, ran: started.elapsed() });
        });
        {
            let mut tasks = self.queue.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.0.push_back(task);
        }
        self.queue.filled.notify_one();
        answer.await.map_err(|_| lost("a worker thread ended without an answer"))
    }
}

fn serve<W>(queue: &Queue<W>, mut worker: W) {
    loop {
        let task = {
            let mut tasks = queue.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                if let Some(task) = tasks.0.pop_front() {
                    break task;
                }
                if tasks.1 {
                    return;
                }
                tasks = queue.filled.wait(tasks).unwrap_or_else(PoisonError::into_inner);
            }
        };
        task(&mut worker);
    }
}

impl<W> Drop for Pool<W> {
    fn drop(&mut self) {
        self.queue.tasks.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.queue.filled.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("an inference thread ended with a panic");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn at_most_two_jobs_per_worker_are_held_and_cancelled_ones_never_run() {
        let pool = Arc::new(Pool::start(vec![()]).unwrap());
        let (gate, wait) = std::sync::mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let first = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                let job = move |(): &mut ()| {
                    started.send(()).unwrap();
                    wait.recv().unwrap();
                };
                pool.run(job).await.unwrap().outcome.unwrap();
            }
        });
        running.await.unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let count = |ran: &Arc<AtomicUsize>| {
            let ran = Arc::clone(ran);
            move |(): &mut ()| {
                ran.fetch_add(1, Ordering::SeqCst);
            }
        };
        let mut second = Box::pin(pool.run(count(&ran)));
        let mut third = Box::pin(pool.run(count(&ran)));
        assert!(futures::poll!(&mut second).is_pending());
        assert!(futures::poll!(&mut third).is_pending());
        assert_eq!(pool.queue.tasks.lock().unwrap().0.len(), 1, "the third waits outside the queue");
        drop(second);
        gate.send(()).unwrap();
        first.await.unwrap();
        third.await.unwrap().outcome.unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 1, "the cancelled job did not run");
    }

    #[tokio::test]
    async fn a_panic_is_an_outcome_and_the_worker_goes_on() {
        let pool = Pool::start(vec![7]).unwrap();
        let outcome = pool.run(|_: &mut i32| -> i32 { panic!("row {} is bad", 3) }).await.unwrap().outcome;
        assert_eq!(outcome.unwrap_err(), "row 3 is bad");
        assert_eq!(pool.run(|worker| *worker).await.unwrap().outcome.unwrap(), 7);
    }
}
