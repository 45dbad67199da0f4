//! One extraction engine for each model and device of a worker, built once and shared by its tasks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rexdrug_operators::backend::{Device, SCRIPTED_SCHEME};
use rexdrug_operators::extract::{ExtractEngine, ExtractOptions};
use tokio::sync::OnceCell;

use crate::error::ClusterError;
use crate::library::Library;

/// Models that stay loaded on a device; the oldest makes room for a new one.
const MODELS_PER_DEVICE: usize = 2;

type Cell = Arc<OnceCell<Arc<ExtractEngine>>>;
type Benches = Arc<Mutex<HashMap<Device, Bench>>>;

/// What is on one device.
#[derive(Debug, Default)]
struct Bench {
    /// Model and engine, the newest last.
    engines: Vec<(String, Cell)>,
    tasks: usize,
}

impl Bench {
    fn cell(&mut self, model: &str) -> Cell {
        if let Some((_, cell)) = self.engines.iter().find(|(known, _)| known == model) {
            return Arc::clone(cell);
        }
        if self.engines.len() >= MODELS_PER_DEVICE {
            // Tasks that still use it keep it until they end.
            self.engines.remove(0);
        }
        let cell = Cell::default();
        self.engines.push((model.to_owned(), Arc::clone(&cell)));
        cell
    }
}

/// The engines of a worker.
#[derive(Debug)]
pub struct Engines {
    devices: Vec<Device>,
    benches: Benches,
}

/// An engine, with a place on its device.
#[derive(Debug)]
pub struct EngineLease {
    engine: Arc<ExtractEngine>,
    _place: Place,
}

impl EngineLease {
    /// The engine.
    pub fn engine(&self) -> &Arc<ExtractEngine> {
        &self.engine
    }
}

/// One task on a device.
#[derive(Debug)]
struct Place {
    device: Device,
    benches: Benches,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(bench) = lock(&self.benches).get_mut(&self.device) {
            bench.tasks = bench.tasks.saturating_sub(1);
        }
    }
}

fn lock(benches: &Benches) -> MutexGuard<'_, HashMap<Device, Bench>> {
    benches.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engines {
    /// Engines on `devices`; none is built before a task needs it.
    pub fn new(devices: Vec<Device>) -> Self {
        let benches = devices.iter().map(|device| (*device, Bench::default())).collect();
        Self { devices, benches: Arc::new(Mutex::new(benches)) }
    }

    /// An engine for the model that `options` name, on the device of the asked kind that has the fewest tasks.
    ///
    /// # Errors
    /// When there is no such device, or the model cannot be had or does not run on it.
    pub async fn lease(&self, library: &Library, options: &ExtractOptions) -> Result<EngineLease, ClusterError> {
        let (place, cell) = self.place(options)?;
        let load = || async {
            let mut wanted = ExtractOptions { device: place.device.to_string(), ..options.clone() };
            if !options.model_uri.starts_with(SCRIPTED_SCHEME) {
                let folder = library.model(&options.model_sha256).await?;
                wanted.model_uri = folder.to_string_lossy().into_owned();
            }
            let loaded = tokio::task::spawn_blocking(move || ExtractEngine::load(&wanted)).await;
            let failed = |error| ClusterError::Service { what: "loading a model", reason: format!("{error}") };
            let engine = loaded.map_err(failed)??;
            tracing::info!(model = engine.info().model_id, device = engine.info().device, "model loaded");
            Ok::<_, ClusterError>(Arc::new(engine))
        };
        let engine = Arc::clone(cell.get_or_try_init(load).await?);
        Ok(EngineLease { engine, _place: place })
    }

    fn place(&self, options: &ExtractOptions) -> Result<(Place, Cell), ClusterError> {
        let asked: Device = options.device.parse()?;
        let same_kind = |held: &&Device| matches!(held, Device::Cpu) == matches!(asked, Device::Cpu);
        let mut benches = lock(&self.benches);
        let free =
            self.devices.iter().filter(same_kind).min_by_key(|device| benches.get(device).map(|bench| bench.tasks));
        let device = *free.ok_or_else(|| ClusterError::Device {
            asked: options.device.clone(),
            held: self.devices.iter().map(Device::to_string).collect::<Vec<_>>().join(", "),
        })?;
        // A script is its address: two that answer alike may still take different times.
        let model = match options.model_uri.starts_with(SCRIPTED_SCHEME) {
            true => &options.model_uri,
            false => &options.model_sha256,
        };
        // With its first pass a model gives other rows than without.
        let model = format!("{model} {}", options.first_pass);
        let bench = benches.entry(device).or_default();
        bench.tasks += 1;
        let cell = bench.cell(&model);
        drop(benches);
        Ok((Place { device, benches: Arc::clone(&self.benches) }, cell))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn options(device: &str, model: &str) -> ExtractOptions {
        ExtractOptions {
            device: device.to_owned(),
            model_uri: model.to_owned(),
            model_sha256: model.to_owned(),
            ..ExtractOptions::default()
        }
    }

    #[test]
    fn tasks_spread_over_the_devices_of_the_asked_kind() {
        let engines = Engines::new(vec![Device::Cpu, Device::Cuda(0), Device::Cuda(1)]);
        let (first, cell) = engines.place(&options("cuda", "a")).unwrap();
        let (second, _) = engines.place(&options("cuda:0", "a")).unwrap();
        assert_eq!((first.device, second.device), (Device::Cuda(0), Device::Cuda(1)));
        assert_eq!(engines.place(&options("cpu", "a")).unwrap().0.device, Device::Cpu);
        drop(first);
        let (third, same) = engines.place(&options("cuda", "a")).unwrap();
        assert!(third.device == Device::Cuda(0) && Arc::ptr_eq(&cell, &same), "one engine for a model and device");
        let refused = Engines::new(vec![Device::Cpu]).place(&options("cuda", "a")).unwrap_err().to_string();
        assert!(refused.contains("cuda") && refused.contains("cpu"), "{refused}");
    }
}
