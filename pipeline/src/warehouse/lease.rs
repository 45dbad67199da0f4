//! A lease: one process at a time does a thing to a warehouse, and the others can say who.
//!
//! The lease is a row of numbered objects below `_rexdrug/leases/NAME/`; the highest number is the lease. Taking,
//! renewing and releasing it each create the next number, and creating is atomic on every store (it is what a Delta
//! commit needs as well), so of two processes that want the same number one wins. Numbers never go back: a process that
//! looked long ago cannot create one that is still free. Correctness of the tables does not rest on it, only work saved:
//! two writers that both believe to hold it still commit every file once.

use std::time::Duration;

use deltalake::logstore::ObjectStoreRef;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};

use super::Warehouse;
use super::error::{Result, WarehouseError};
use super::table::store_at;
use crate::stop::StopHandle;

/// Folder of the warehouse for what is not a table.
const FOLDER: &str = "_rexdrug";
/// How far the clocks of two machines may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(15);
/// Attempts at a number that others take first.
const ATTEMPTS: u32 = 20;

/// Who holds a lease, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseHolder {
    /// Unique id of the holding process.
    pub id: String,
    /// Host, process and command, for people.
    pub name: String,
    /// Since when, milliseconds of the Unix epoch.
    pub since_ms: i64,
    /// Until when unless renewed, milliseconds of the Unix epoch.
    pub expires_ms: i64,
}

impl LeaseHolder {
    fn is_live(&self, now_ms: i64) -> bool {
        now_ms < self.expires_ms.saturating_add(millis(CLOCK_SKEW))
    }

    /// Seconds until another process may take the lease.
    pub fn seconds_left(&self) -> i64 {
        let free = self.expires_ms.saturating_add(millis(CLOCK_SKEW));
        (free - now_ms()).max(0) / 1000 + 1
    }
}

/// Outcome of asking for a lease.
#[derive(Debug)]
pub enum Acquired {
    /// It is ours.
    Ours(Lease),
    /// Another process holds it.
    Held(LeaseHolder),
}

/// A lease that is held.
#[derive(Debug)]
pub struct Lease {
    store: ObjectStoreRef,
    folder: Path,
    number: u64,
    holder: LeaseHolder,
    length: Duration,
}

impl Warehouse {
    /// Asks for the lease `name` for `length`; `holder` names this process for people.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the store fails.
    pub async fn acquire_lease(&self, name: &str, holder: &str, length: Duration) -> Result<Acquired> {
        let store = store_at(&self.inner.location, FOLDER)?;
        let holder = LeaseHolder {
            id: uuid::Uuid::new_v4().to_string(),
            name: holder.to_owned(),
            since_ms: now_ms(),
            expires_ms: 0,
        };
        let mut lease = Lease { store, folder: Path::from("leases").join(name), number: 0, holder, length };
        for _ in 0..ATTEMPTS {
            let newest = lease.newest().await?;
            match &newest {
                Some((number, known)) if known.id == lease.holder.id => {
                    lease.number = *number;
                    return Ok(Acquired::Ours(lease));
                }
                Some((_, known)) if known.is_live(now_ms()) => return Ok(Acquired::Held(known.clone())),
                _ => {}
            }
            lease.number = newest.map_or(0, |(number, _)| number);
            if lease.put_next(now_ms().saturating_add(millis(length))).await? {
                lease.forget_older().await;
                return Ok(Acquired::Ours(lease));
            }
        }
        Err(failed("take the lease", format!("{ATTEMPTS} others were faster")))
    }
}

impl Lease {
    /// Prolongs the lease from now; false when another process has taken it.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the store fails; the lease may or may not have been prolonged.
    pub async fn renew(&mut self) -> Result<bool> {
        if self.put_next(now_ms().saturating_add(millis(self.length))).await? {
            self.forget_older().await;
            return Ok(true);
        }
        // An earlier renewal may have been written although its answer was lost.
        match self.newest().await? {
            Some((number, known)) if known.id == self.holder.id => {
                self.number = number;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Lets others take the lease at once.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the store fails; the lease then runs out by itself.
    pub async fn release(mut self) -> Result<()> {
        if self.put_next(now_ms().saturating_sub(millis(CLOCK_SKEW))).await? {
            self.forget_older().await;
        }
        Ok(())
    }

    /// Renews the lease while `work` runs, asks `stop` to stop when another process has taken it, and releases it
    /// afterwards. The flag says whether the lease was ours to the end.
    pub async fn keep<T>(mut self, stop: StopHandle, work: impl Future<Output = T>) -> (T, bool) {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    if let Err(error) = self.release().await {
                        tracing::warn!(%error, "lease not released, it runs out by itself");
                    }
                    return (done, true);
                }
                () = tokio::time::sleep(self.length / 4) => match self.renew().await {
                    Ok(true) => {}
                    Err(error) if now_ms() < self.holder.expires_ms => tracing::warn!(%error, "lease not renewed yet"),
                    outcome => {
                        let error = outcome.err().map(|error| error.to_string()).unwrap_or_default();
                        tracing::error!(error, "the lease is lost; stopping");
                        stop.stop();
                        return (work.await, false);
                    }
                },
            }
        }
    }

    fn path(&self, number: u64) -> Path {
        self.folder.clone().join(format!("{number:020}.json"))
    }

    /// The object of the highest number.
    async fn newest(&self) -> Result<Option<(u64, LeaseHolder)>> {
        for _ in 0..ATTEMPTS {
            let Some(number) = self.numbers().await?.into_iter().max() else { return Ok(None) };
            let bytes = match self.store.get(&self.path(number)).await {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            };
            match bytes {
                Ok(bytes) => {
                    let holder = serde_json::from_slice(&bytes).map_err(|error| failed("read the lease", error))?;
                    return Ok(Some((number, holder)));
                }
                // The holder made a newer one and removed this one in between.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed("read the lease", error)),
            }
        }
        Err(failed("read the lease", "it changed each time that it was read"))
    }

    async fn numbers(&self) -> Result<Vec<u64>> {
        let listing = self.store.list(Some(&self.folder));
        let objects: Vec<_> = listing.try_collect().await.map_err(|error| failed("list the lease", error))?;
        let number = |path: &Path| path.filename()?.strip_suffix(".json")?.parse().ok();
        Ok(objects.iter().filter_map(|object| number(&object.location)).collect())
    }

    /// Creates the next number; false when it is there already.
    async fn put_next(&mut self, expires_ms: i64) -> Result<bool> {
        let holder = LeaseHolder { expires_ms, ..self.holder.clone() };
        let json = serde_json::to_vec(&holder).map_err(|error| failed("write the lease", error))?;
        let options = PutOptions::from(PutMode::Create);
        match self.store.put_opts(&self.path(self.number + 1), PutPayload::from(json), options).await {
            Ok(_) => {
                self.number += 1;
                self.holder = holder;
                Ok(true)
            }
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(failed("write the lease", error)),
        }
    }

    /// Removes lower numbers as well as it can; they mean nothing any more.
    async fn forget_older(&self) {
        let Ok(numbers) = self.numbers().await else { return };
        for number in numbers.into_iter().filter(|number| *number < self.number) {
            let _ = self.store.delete(&self.path(number)).await;
        }
    }
}

fn failed(action: &'static str, error: impl std::fmt::Display) -> WarehouseError {
    WarehouseError::delta(FOLDER, action, error)
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::HashMap;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn take(uri: &str, name: &str, length: Duration) -> Acquired {
        let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
        warehouse.acquire_lease("sync", name, length).await.unwrap()
    }

    fn ours(acquired: Acquired) -> Lease {
        match acquired {
            Acquired::Ours(lease) => lease,
            Acquired::Held(holder) => panic!("held by {holder:?}"),
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_that_ask_at_once_one_gets_it_and_the_others_hear_who() {
        let folder = tempfile::tempdir().unwrap();
        let uri = folder.path().to_str().unwrap().to_owned();
        let asking: Vec<_> = (0..12)
            .map(|number| {
                let uri = uri.clone();
                tokio::spawn(async move { take(&uri, &format!("host:{number}"), LONG).await })
            })
            .collect();
        let mut held = Vec::new();
        let mut winners = Vec::new();
        for one in asking {
            match one.await.unwrap() {
                Acquired::Ours(lease) => winners.push(lease),
                Acquired::Held(holder) => held.push(holder),
            }
        }
        assert_eq!((winners.len(), held.len()), (1, 11));
        assert!(held.iter().all(|holder| *holder == winners[0].holder));
        assert!(held[0].seconds_left() > 60);
        winners.remove(0).release().await.unwrap();
        ours(take(&uri, "next", LONG).await);
    }

    #[tokio::test]
    async fn a_lease_that_ran_out_is_taken_and_its_old_holder_notices() {
        let folder = tempfile::tempdir().unwrap();
        let uri = folder.path().to_str().unwrap();
        let mut dead = ours(take(uri, "dead", LONG).await);
        assert!(dead.renew().await.unwrap());
        assert!(matches!(take(uri, "other", LONG).await, Acquired::Held(holder) if holder.name == "dead"));
        // As if its last renewal had been long ago.
        assert!(dead.put_next(now_ms() - millis(CLOCK_SKEW) - 1).await.unwrap());
        let heir = ours(take(uri, "heir", LONG).await);
        assert!(!dead.renew().await.unwrap());
        let (handle, stop) = StopHandle::new();
        dead.length = Duration::from_millis(20);
        let (_, kept) = dead.keep(handle, stop.asked()).await;
        assert!(!kept && stop.is_asked());
        drop(heir);
        let left = std::fs::read_dir(folder.path().join("_rexdrug/leases/sync")).unwrap().count();
        assert_eq!(left, 1, "older numbers are removed");
    }
}
