//! [`page`]: listings whose answers are bounded in bytes as well as in rows.

use callboard_core::Error;
use callboard_core::port::BoxFuture;
use prost::Message;

/// Bytes at which a page ends early, well below what clients receive by default.
const PAGE_BYTES: usize = 1024 * 1024;

/// One page.
pub(super) struct Page<T> {
    /// The rows.
    pub(super) rows: Vec<T>,
    /// Where to go on; empty at the end.
    pub(super) next: String,
}

/// Reads a page of at most `limit` rows, `chunk` rows at a time, so that no more than a chunk is over the bytes.
pub(super) async fn page<R, K: ToString, T: Message>(
    after: Option<K>,
    limit: usize,
    chunk: usize,
    fetch: impl Fn(Option<K>, usize) -> BoxFuture<'static, Result<Vec<R>, Error>>,
    key: fn(&R) -> K,
    convert: &(dyn Fn(&R) -> T + Sync),
) -> Result<Page<T>, Error> {
    let (mut rows, mut bytes, mut after) = (Vec::new(), 0, after);
    loop {
        let wanted = chunk.min(limit - rows.len());
        let found = fetch(after, wanted).await?;
        let last_chunk = found.len() < wanted;
        for (at, row) in found.iter().enumerate() {
            let converted = convert(row);
            bytes += converted.encoded_len();
            rows.push(converted);
            let end = last_chunk && at + 1 == found.len();
            if !end && (bytes >= PAGE_BYTES || rows.len() >= limit) {
                return Ok(Page { rows, next: key(row).to_string() });
            }
        }
        if last_chunk {
            return Ok(Page { rows, next: String::new() });
        }
        after = found.last().map(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(rows: u32, limit: usize, chunk: usize, row_bytes: usize) -> Vec<usize> {
        let (mut sizes, mut after) = (Vec::new(), None);
        let mut seen = 0;
        loop {
            let fetch = |after: Option<u32>, n: usize| -> BoxFuture<'static, Result<Vec<u32>, Error>> {
                Box::pin(async move { Ok((after.map_or(0, |a| a + 1)..rows).take(n).collect()) })
            };
            let page = page(after, limit, chunk, fetch, |row| *row, &|_| "x".repeat(row_bytes)).await.unwrap();
            seen += page.rows.len();
            sizes.push(page.rows.len());
            match page.next.as_str() {
                "" => break,
                next => after = next.parse().ok(),
            }
        }
        assert_eq!(seen, rows as usize, "every row once");
        sizes
    }

    #[tokio::test]
    async fn a_listing_visits_every_row_once_whatever_the_pages() {
        assert_eq!(all(0, 10, 4, 1).await, [0]);
        assert_eq!(all(9, 10, 4, 1).await, [9]);
        assert_eq!(all(25, 10, 4, 1).await, [10, 10, 5]);
    }

    #[tokio::test]
    async fn a_page_ends_early_when_its_rows_are_large() {
        assert_eq!(all(5, 100, 2, 600 * 1024).await, [2, 2, 1]);
        assert_eq!(all(2, 100, 2, 4 * 1024 * 1024).await, [1, 1]);
    }
}
