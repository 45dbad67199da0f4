//! The decode loop: a batch of prompts through a decoder graph, its keys and values kept on the device.
//!
//! ```text
//! prefix (constant) ─once─▶ keys, values ─▶ a copy for each size of batch
//! rows: [prefix][padding][own prompt] ─▶ logits of the last position ─▶ Writer ─▶ token ─▶ … until all rows have ended
//! ```
//!
//! Rows are padded between the shared prefix and their own prompt; padding is masked and has no position, so that a row's
//! tokens do not depend on its batch mates.

use std::collections::HashMap;
use std::time::Instant;

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;
use ort::value::{DynTensor, DynValue, Tensor, TensorElementType, ValueType};

use super::writer::{Ending, Writer};
use crate::backend::device::Device;
use crate::backend::session::RunError;

/// Names of one cached tensor.
#[derive(Debug)]
struct Port {
    past: String,
    present: String,
}

/// A decoder graph in a session.
pub(super) struct Decoder {
    session: Session,
    ports: Vec<Port>,
    heads: usize,
    width: usize,
    wants_positions: bool,
    pad: i64,
    device: Device,
    prefix: Vec<i64>,
    /// Keys and values of the prefix for one row.
    prefix_cache: Vec<Vec<f32>>,
    /// The same for batches of a size, on the device.
    tiled: HashMap<usize, Vec<DynValue>>,
}

/// Sizes of batch whose copies of the prefix are kept.
const TILED_SIZES: usize = 4;

impl Decoder {
    /// Checks that the graph is a decoder with past key values.
    ///
    /// # Errors
    /// What it lacks.
    pub(super) fn new(session: Session, device: Device, pad: i64) -> Result<Self, String> {
        let mut ports = Vec::new();
        let mut sizes = None;
        for input in session.inputs() {
            let name = input.name();
            match name {
                "input_ids" | "attention_mask" | "position_ids" => continue,
                _ => {}
            }
            let Some(rest) = name.strip_prefix("past_key_values.") else {
                return Err(format!(
                    "it has the input `{name}`; expected input_ids, attention_mask, position_ids and past_key_values.N.key|value"
                ));
            };
            let ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } = input.dtype() else {
                return Err(format!("`{name}` is no tensor of 32-bit floats"));
            };
            let size = match (shape.get(1), shape.get(3)) {
                (Some(&heads), Some(&width)) if heads > 0 && width > 0 => (heads as usize, width as usize),
                _ => return Err(format!("`{name}` has shape {shape:?}; expected [batch, heads, past, width]")),
            };
            if *sizes.get_or_insert(size) != size {
                return Err(format!("`{name}` has other sizes than the first layer"));
            }
            ports.push(Port { past: name.to_owned(), present: format!("present.{rest}") });
        }
        let (heads, width) = sizes.ok_or("it has no past_key_values; export it with a cache")?;
        let outputs: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
        if let Some(missing) =
            ports.iter().map(|port| port.present.as_str()).chain(["logits"]).find(|name| !outputs.contains(name))
        {
            return Err(format!("it lacks the output `{missing}`"));
        }
        let wants_positions = session.inputs().iter().any(|input| input.name() == "position_ids");
        Ok(Self {
            session,
            ports,
            heads,
            width,
            wants_positions,
            pad,
            device,
            prefix: Vec::new(),
            prefix_cache: Vec::new(),
            tiled: HashMap::new(),
        })
    }

    /// Computes keys and values of the tokens that prompts begin with.
    ///
    /// # Errors
    /// When the graph does not run.
    pub(super) fn set_prefix(&mut self, prefix: Vec<i64>) -> Result<(), RunError> {
        (self.prefix, self.prefix_cache) = (Vec::new(), Vec::new());
        self.tiled.clear();
        if prefix.is_empty() {
            return Ok(());
        }
        let past = self.empty(1)?;
        let length = prefix.len();
        let step =
            Step { rows: 1, ids: prefix.clone(), mask: vec![1; length], positions: (0..length as i64).collect() };
        let (_, present) = self.step(&step, &past)?;
        let mut cache = Vec::with_capacity(present.len());
        for value in present {
            let value: DynTensor = value.downcast()?;
            let host = match self.device {
                Device::Cpu => value,
                Device::Cuda(_) => value.to(AllocationDevice::CPU, 0)?,
            };
            cache.push(host.try_extract_tensor::<f32>()?.1.to_vec());
        }
        (self.prefix, self.prefix_cache) = (prefix, cache);
        Ok(())
    }

    /// Whether a prompt begins with the prefix and has tokens of its own.
    pub(super) fn shares_prefix(&self, prompt: &[i64]) -> bool {
        prompt.len() > self.prefix.len() && prompt.starts_with(&self.prefix)
    }

    /// Writes every row to its end, or to the deadline. Prompts either all share the prefix or are taken whole.
    ///
    /// # Errors
    /// When the graph fails; fewer rows may work.
    pub(super) fn run(
        &mut self,
        prompts: &[Vec<i64>],
        writers: &mut [Writer],
        deadline: Instant,
    ) -> Result<(), RunError> {
        let shared = prompts.iter().all(|prompt| self.shares_prefix(prompt));
        let skipped = if shared { self.prefix.len() } else { 0 };
        let own: Vec<&[i64]> = prompts.iter().map(|prompt| prompt.get(skipped..).unwrap_or_default()).collect();
        let rows = own.len();
        let length = own.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        if length == 0 {
            return Err(RunError::new("a prompt has no tokens"));
        }
        let mut step = Step { rows, ids: Vec::new(), mask: Vec::new(), positions: Vec::new() };
        for prompt in &own {
            let padding = length - prompt.len();
            step.ids.extend(std::iter::repeat_n(self.pad, padding).chain(prompt.iter().copied()));
            step.mask.extend(std::iter::repeat_n(1, skipped));
            step.mask.extend((0..length).map(|at| i64::from(at >= padding)));
            step.positions.extend((0..length).map(|at| (skipped + at.saturating_sub(padding)) as i64));
        }
        let mut positions: Vec<i64> = own.iter().map(|prompt| (skipped + prompt.len()) as i64).collect();
        let mut past = match skipped {
            0 => None,
            _ => {
                self.tile(rows)?;
                Some(rows)
            }
        };
        let mut held: Vec<DynValue> = if past.is_none() { self.empty(rows)? } else { Vec::new() };
        loop {
            // The tiled prefix is an input of the first step only; it stays for the next batch.
            let (logits, present) = match past.take() {
                Some(rows) => {
                    let tiled = self.tiled.remove(&rows).unwrap_or_default();
                    let outcome = self.step(&step, &tiled);
                    self.tiled.insert(rows, tiled);
                    outcome?
                }
                None => self.step(&step, &held)?,
            };
            held = present;
            let vocabulary = logits.len() / rows.max(1);
            let mut going = false;
            let (mut ids, mut mask) = (Vec::with_capacity(rows), Vec::with_capacity(step.mask.len() + rows));
            let columns = step.mask.len() / rows.max(1);
            for (row, writer) in writers.iter_mut().enumerate() {
                let logits = logits.get(row * vocabulary..(row + 1) * vocabulary).unwrap_or_default();
                let token = writer.next(logits);
                going |= writer.ending.is_none();
                ids.push(token.map_or(self.pad, i64::from));
                mask.extend_from_slice(step.mask.get(row * columns..(row + 1) * columns).unwrap_or_default());
                mask.push(1);
            }
            if !going {
                return Ok(());
            }
            if Instant::now() >= deadline {
                writers.iter_mut().for_each(|writer| writer.ending = writer.ending.take().or(Some(Ending::Cut)));
                return Ok(());
            }
            step = Step { rows, ids, mask, positions: positions.clone() };
            positions.iter_mut().for_each(|position| *position += 1);
        }
    }

    fn empty(&self, rows: usize) -> Result<Vec<DynValue>, RunError> {
        let shape = [rows as i64, self.heads as i64, 0, self.width as i64];
        let none = || Ok(Tensor::<f32>::new(&Allocator::default(), shape)?.into_dyn());
        self.ports.iter().map(|_| none()).collect()
    }

    /// Makes sure of a copy of the prefix's keys and values for a batch of `rows`.
    fn tile(&mut self, rows: usize) -> Result<(), RunError> {
        if self.tiled.contains_key(&rows) {
            return Ok(());
        }
        if self.tiled.len() >= TILED_SIZES {
            self.tiled.clear();
        }
        let shape = [rows as i64, self.heads as i64, self.prefix.len() as i64, self.width as i64];
        let mut tiled = Vec::with_capacity(self.prefix_cache.len());
        for cache in &self.prefix_cache {
            let host = Tensor::from_array((shape, cache.repeat(rows)))?;
            tiled.push(match self.device {
                Device::Cpu => host.into_dyn(),
                Device::Cuda(number) => {
                    host.to(AllocationDevice::CUDA, i32::try_from(number).unwrap_or(i32::MAX))?.into_dyn()
                }
            });
        }
        self.tiled.insert(rows, tiled);
        Ok(())
    }

    /// One run of the graph: logits of the last position on the host, keys and values on the device.
    fn step(&mut self, step: &Step, past: &[DynValue]) -> Result<(Vec<f32>, Vec<DynValue>), RunError> {
        let rows = step.rows as i64;
        let tensor = |data: &Vec<i64>| Tensor::from_array(([rows, data.len() as i64 / rows.max(1)], data.clone()));
        let (ids, mask, positions) = (tensor(&step.ids)?, tensor(&step.mask)?, tensor(&step.positions)?);
        let host = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::Default)?;
        let device = match self.device {
            Device::Cpu => host.to_owned(),
            Device::Cuda(number) => {
                let number = i32::try_from(number).unwrap_or(i32::MAX);
                MemoryInfo::new(AllocationDevice::CUDA, number, AllocatorType::Device, MemoryType::Default)?
            }
        };
        let mut binding = self.session.create_binding()?;
        binding.bind_input("input_ids", &ids)?;
        binding.bind_input("attention_mask", &mask)?;
        if self.wants_positions {
            binding.bind_input("position_ids", &positions)?;
        }
        binding.bind_output_to_device("logits", &host)?;
        for (port, value) in self.ports.iter().zip(past) {
            binding.bind_input(&port.past, value)?;
            binding.bind_output_to_device(&port.present, &device)?;
        }
        let mut outputs = self.session.run_binding(&binding)?;
        let missing = |name: &str| RunError::new(format!("the graph gave no output `{name}`"));
        let logits = outputs.remove("logits").ok_or_else(|| missing("logits"))?;
        let mut present = Vec::with_capacity(self.ports.len());
        for port in &self.ports {
            present.push(outputs.remove(&port.present).ok_or_else(|| missing(&port.present))?);
        }
        Ok((last_logits(&logits, step.rows)?, present))
    }
}

struct Step {
    rows: usize,
    ids: Vec<i64>,
    mask: Vec<i64>,
    positions: Vec<i64>,
}

/// Rows of `[batch, positions, vocabulary]` at their last position; graphs may give one position or all.
fn last_logits(value: &DynValue, rows: usize) -> Result<Vec<f32>, RunError> {
    let (shape, data) = value.try_extract_tensor::<f32>()?;
    let wrong = || RunError::new(format!("`logits` has shape {shape:?}, expected [{rows}, positions, vocabulary]"));
    let [batch, positions, vocabulary] = shape.as_ref() else { return Err(wrong()) };
    let (positions, vocabulary) = (*positions as usize, *vocabulary as usize);
    if *batch as usize != rows || positions == 0 {
        return Err(wrong());
    }
    let row = |row: usize| data.get((row * positions + positions - 1) * vocabulary..(row + 1) * positions * vocabulary);
    let mut last = Vec::with_capacity(rows * vocabulary);
    for number in 0..rows {
        last.extend_from_slice(row(number).ok_or_else(wrong)?);
    }
    Ok(last)
}
