//! ONNX sessions whose inputs and outputs are those of the contract.

use std::path::{Path, PathBuf};

use ort::ep;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionOutputs};
use ort::value::{Outlet, TensorElementType, ValueType};

use super::device::Device;
use super::error::BackendError;
use super::runtime::OrtRuntime;

/// A named tensor of the contract: type and rank.
pub(crate) type Port = (&'static str, TensorElementType, usize);

/// The contract of one graph.
pub(crate) struct Signature {
    pub(crate) inputs: &'static [Port],
    /// Inputs that a graph may have as well.
    pub(crate) optional_inputs: &'static [Port],
    pub(crate) outputs: &'static [Port],
}

/// A failure of one run; fewer rows may work.
#[derive(Debug, Clone)]
pub(crate) struct RunError(pub(crate) String);

impl RunError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl<R> From<ort::Error<R>> for RunError {
    fn from(error: ort::Error<R>) -> Self {
        Self(error.message().to_owned())
    }
}

/// Opens a graph on a device with `threads` threads, and checks its inputs and outputs.
pub(crate) fn open(
    runtime: &OrtRuntime,
    file: PathBuf,
    device: Device,
    threads: usize,
    signature: &Signature,
) -> Result<Session, BackendError> {
    let session = build(runtime, &file, device, threads)?;
    check(&file, "inputs", session.inputs(), signature.inputs, signature.optional_inputs)?;
    check(&file, "outputs", session.outputs(), signature.outputs, &[])?;
    Ok(session)
}

/// Opens a graph on a device with `threads` threads; whoever knows its contract checks it.
pub(crate) fn build(
    runtime: &OrtRuntime,
    file: &Path,
    device: Device,
    threads: usize,
) -> Result<Session, BackendError> {
    let graph = |message: String| BackendError::Graph { file: file.to_path_buf(), message };
    let mut builder = Session::builder(runtime.environment())
        .and_then(|builder| Ok(builder.with_optimization_level(GraphOptimizationLevel::Level3)?))
        .and_then(|builder| Ok(builder.with_intra_threads(threads)?))
        .and_then(|builder| Ok(builder.with_inter_threads(1)?))
        // Sizes change with every batch: patterns and arenas sized for the largest one only hold memory.
        .and_then(|builder| Ok(builder.with_memory_pattern(false)?))
        .map_err(|error| graph(error.to_string()))?;
    if let Device::Cuda(number) = device {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        // Without `error_on_failure` ONNX Runtime falls back to the processor in silence.
        let provider = ep::CUDA::default().with_device_id(number).build().error_on_failure();
        builder = builder
            .with_execution_providers([provider])
            .map_err(|error| BackendError::DeviceRefused { device: device.to_string(), message: error.to_string() })?;
    }
    builder.commit_from_file(file).map_err(|error| graph(error.to_string()))
}

fn describe(outlet: &Outlet) -> String {
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => format!("`{}` {ty:?} of rank {}", outlet.name(), shape.len()),
        other => format!("`{}` {other:?}", outlet.name()),
    }
}

fn check(
    file: &Path,
    side: &'static str,
    found: &[Outlet],
    required: &[Port],
    optional: &[Port],
) -> Result<(), BackendError> {
    let matches = |outlet: &Outlet, port: &Port| {
        outlet.name() == port.0
            && matches!(outlet.dtype(), ValueType::Tensor { ty, shape, .. } if *ty == port.1 && shape.len() == port.2)
    };
    let complete = required.iter().all(|port| found.iter().any(|outlet| matches(outlet, port)));
    // An input that we would not feed makes every run fail; an output that we do not read harms nobody.
    let fed = side == "outputs"
        || found.iter().all(|outlet| required.iter().chain(optional).any(|port| matches(outlet, port)));
    if complete && fed {
        return Ok(());
    }
    let expected = required.iter().map(|(name, ty, rank)| format!("`{name}` {ty:?} of rank {rank}"));
    Err(BackendError::Signature {
        file: file.to_path_buf(),
        side,
        expected: expected.collect::<Vec<_>>().join(", "),
        found: found.iter().map(describe).collect::<Vec<_>>().join(", "),
    })
}

/// One f32 output with its shape; a wrong rank or a value that is no finite number is an error.
pub(crate) fn floats<'a>(outputs: &'a SessionOutputs<'_>, name: &str, shape: &[usize]) -> Result<&'a [f32], RunError> {
    let value = outputs.get(name).ok_or_else(|| RunError::new(format!("the graph gave no output `{name}`")))?;
    let (got, data) = value.try_extract_tensor::<f32>()?;
    let equal = got.len() == shape.len() && got.iter().zip(shape).all(|(got, want)| usize::try_from(*got) == Ok(*want));
    if !equal || data.len() != shape.iter().product::<usize>() {
        return Err(RunError::new(format!("output `{name}` has shape {got:?}, expected {shape:?}")));
    }
    Ok(data)
}
