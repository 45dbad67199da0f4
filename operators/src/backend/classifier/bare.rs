//! The yardstick: ONNX Runtime alone over the batches that the classifier would run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ort::value::TensorRef;

use super::encode::Encoded;
use super::rows::{PairRows, TokenRows};
use super::worker::Worker;
use super::{BackendError, Classifier, ExtractItem};
use crate::backend::session::RunError;

/// Wall time of running both graphs over the batches of `items`, everything prepared beforehand: no tokenising, no
/// tagger, no decoding, no rows. The mentions are those given. Sessions and threads are the classifier's own.
///
/// # Errors
/// When the workers are gone or a run fails.
pub async fn bare_loop_seconds(classifier: &Classifier, items: Vec<ExtractItem>) -> Result<Duration, BackendError> {
    let encoded = classifier.encode(items).await?;
    let encoded = encoded.into_iter().enumerate().filter_map(|(place, item)| Some((place, item.ok()?))).collect();
    let pad = classifier.encoder.pad;
    let feeds: Vec<(TokenRows, PairRows)> = classifier
        .batches(encoded)
        .into_iter()
        .map(|batch| {
            let batch: Vec<Encoded> = batch.into_iter().map(|(_, item)| item).collect();
            let tokens = TokenRows::of(&batch, pad);
            let mut pairs = PairRows::default();
            for (number, (item, &row)) in batch.iter().zip(&tokens.first_row).enumerate() {
                // A sentence that cannot be scored is left out of the yardstick as it is of the run.
                let _ = pairs.push(number, row, item, &item.item.mentions);
            }
            (tokens, pairs)
        })
        .collect();
    let feeds = std::sync::Arc::new(feeds);
    let next = std::sync::Arc::new(AtomicUsize::new(0));
    let fault: std::sync::Arc<Mutex<Option<String>>> = std::sync::Arc::default();
    let started = Instant::now();
    let loops = (0..classifier.sessions).map(|_| {
        let (feeds, next, fault) = (feeds.clone(), next.clone(), fault.clone());
        classifier.pool.run(move |worker: &mut Worker| {
            while let Some((tokens, pairs)) = feeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(RunError(message)) = run(worker, tokens, pairs)
                    && let Ok(mut fault) = fault.lock()
                {
                    *fault = Some(message);
                }
            }
        })
    });
    for done in futures::future::join_all(loops).await {
        done?.outcome.map_err(|message| BackendError::WorkersLost { message })?;
    }
    let elapsed = started.elapsed();
    match fault.lock().ok().and_then(|mut fault| fault.take()) {
        Some(message) => Err(BackendError::WorkersLost { message }),
        None => Ok(elapsed),
    }
}

fn run(worker: &mut Worker, tokens: &TokenRows, pairs: &PairRows) -> Result<(), RunError> {
    let shape = [tokens.rows, tokens.width];
    let encoded = worker.encoder.run(ort::inputs! {
        "input_ids" => TensorRef::from_array_view((shape, tokens.ids.as_slice()))?,
        "attention_mask" => TensorRef::from_array_view((shape, tokens.mask.as_slice()))?,
        "token_type_ids" => TensorRef::from_array_view((shape, tokens.types.as_slice()))?,
    })?;
    let hidden = encoded.get("hidden").ok_or_else(|| RunError::new("no output `hidden`"))?;
    if !pairs.pair_places.is_empty() {
        worker.pairs.run(ort::inputs! {
            "hidden" => hidden,
            "mentions" => TensorRef::from_array_view(([pairs.mention_places.len(), 3], pairs.mentions.as_slice()))?,
            "pairs" => TensorRef::from_array_view(([pairs.pair_places.len(), 2], pairs.pairs.as_slice()))?,
        })?;
    }
    Ok(())
}
