//! Deletion vectors: rows of a live Parquet file that are marked in the log as gone, so that the file stays as it is.
//!
//! Delta calls the bitmap of such rows a deletion vector. Ours stand inline in the `add` of the file, so there is no
//! further object to upload, to lose or to clean up; [`super::take_out`] keeps them short.

use deltalake::kernel::{DeletionVectorDescriptor, StorageType};
use roaring::RoaringTreemap;

use super::error::{Result, WarehouseError};

/// First bytes of a vector in the portable format, little endian.
const MAGIC: [u8; 4] = 1_681_511_377_u32.to_le_bytes();

/// The inline vector that marks these rows.
pub(crate) fn encode(table: &str, rows: &RoaringTreemap) -> Result<DeletionVectorDescriptor> {
    let mut bytes = MAGIC.to_vec();
    rows.serialize_into(&mut bytes).map_err(|error| WarehouseError::delta(table, "mark rows as deleted", error))?;
    let size_in_bytes = i32::try_from(bytes.len()).map_err(|error| {
        WarehouseError::delta(table, "mark rows as deleted", format!("a vector of {} bytes: {error}", bytes.len()))
    })?;
    // Base85 takes four bytes at a time; the size above says where the vector ends.
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    Ok(DeletionVectorDescriptor {
        storage_type: StorageType::Inline,
        path_or_inline_dv: z85::encode(&bytes),
        offset: None,
        size_in_bytes,
        cardinality: i64::try_from(rows.len()).unwrap_or(i64::MAX),
    })
}

/// The rows that a vector marks. `file` is the path of the Parquet file, for the error.
///
/// # Errors
/// For a vector in a file of its own, which only another writer can have made, and for one that is damaged.
pub(crate) fn decode(file: &str, vector: &DeletionVectorDescriptor) -> Result<RoaringTreemap> {
    let failed = |reason: String| WarehouseError::parquet(file, "read its deletion vector", reason);
    if vector.storage_type != StorageType::Inline {
        let reason = "expected an inline one, got one in a file of its own, made by another writer; rewrite the file \
                      with that writer (`REORG TABLE … APPLY (PURGE)` in Spark)";
        return Err(failed(reason.to_owned()));
    }
    let bytes = z85::decode(&vector.path_or_inline_dv).map_err(|error| failed(format!("no base85: {error:?}")))?;
    let Some(bitmap) = bytes.strip_prefix(&MAGIC) else {
        return Err(failed(format!("expected it to begin with {MAGIC:?}, got {:?}", bytes.get(..4))));
    };
    let rows = RoaringTreemap::deserialize_from(bitmap).map_err(|error| failed(error.to_string()))?;
    let expected = u64::try_from(vector.cardinality).unwrap_or_default();
    if rows.len() != expected {
        return Err(failed(format!("expected {expected} rows, got {}", rows.len())));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(rows in prop::collection::btree_set(0_u64..200_000, 0..300), dense in 0_u64..9000) {
            let rows: RoaringTreemap = rows.into_iter().chain(0..dense).collect();
            let vector = encode("documents", &rows).unwrap();
            prop_assert_eq!(vector.cardinality as u64, rows.len());
            prop_assert_eq!(decode("a.parquet", &vector).unwrap(), rows);
        }
    }

    /// The example of the Delta protocol: rows 3, 4, 7, 11, 18 and 29, in the array form of the bitmap.
    #[test]
    fn a_vector_of_another_writer_is_read() {
        let vector = DeletionVectorDescriptor {
            storage_type: StorageType::Inline,
            path_or_inline_dv: "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L".to_owned(),
            offset: None,
            size_in_bytes: 44,
            cardinality: 6,
        };
        let rows: Vec<u64> = decode("a.parquet", &vector).unwrap().iter().collect();
        assert_eq!(rows, [3, 4, 7, 11, 18, 29]);
    }

    #[test]
    fn damage_is_an_error_with_the_file_and_the_reason() {
        let vector = encode("documents", &[1_u64, 5].into_iter().collect()).unwrap();
        let cut = vector.path_or_inline_dv[..10].to_owned();
        for (damaged, reason) in [
            (DeletionVectorDescriptor { path_or_inline_dv: "~~~~~".to_owned(), ..vector.clone() }, "base85"),
            (DeletionVectorDescriptor { path_or_inline_dv: "00000".to_owned(), ..vector.clone() }, "begin with"),
            (DeletionVectorDescriptor { path_or_inline_dv: cut, ..vector.clone() }, "read its deletion vector"),
            (DeletionVectorDescriptor { cardinality: 3, ..vector.clone() }, "expected 3 rows, got 2"),
            (DeletionVectorDescriptor { storage_type: StorageType::UuidRelativePath, ..vector.clone() }, "REORG"),
        ] {
            let message = decode("a.parquet", &damaged).unwrap_err().to_string();
            assert!(message.contains("a.parquet") && message.contains(reason), "{message}");
        }
    }
}
