//! One-to-one assignment of predictions to gold relations.

/// Greatest total weight of a matching in which each row and each column is used at most once.
///
/// `weight(row, column)` must be finite and not negative; cells of weight 0 count as unmatched.
/// Runs in O(rows² · columns) after swapping so that rows are the shorter side.
pub fn best_total(rows: usize, columns: usize, weight: impl Fn(usize, usize) -> f64) -> f64 {
    if rows > columns {
        return assign(columns, rows, &|row, column| weight(column, row));
    }
    assign(rows, columns, &weight)
}

/// Hungarian method with potentials on costs `-weight`; index 0 of every vector is the dummy row or column.
fn assign(rows: usize, columns: usize, weight: &dyn Fn(usize, usize) -> f64) -> f64 {
    let mut row_potential = vec![0.0; rows + 1];
    let mut column_potential = vec![0.0; columns + 1];
    let mut row_of = vec![0_usize; columns + 1];
    let mut previous = vec![0_usize; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let mut slack = vec![f64::INFINITY; columns + 1];
        let mut used = vec![false; columns + 1];
        while row_of[column] != 0 {
            used[column] = true;
            let current = row_of[column];
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for candidate in 1..=columns {
                if used[candidate] {
                    continue;
                }
                let cost = -weight(current - 1, candidate - 1) - row_potential[current] - column_potential[candidate];
                if cost < slack[candidate] {
                    slack[candidate] = cost;
                    previous[candidate] = column;
                }
                if slack[candidate] < delta {
                    delta = slack[candidate];
                    next = candidate;
                }
            }
            for candidate in 0..=columns {
                if used[candidate] {
                    row_potential[row_of[candidate]] += delta;
                    column_potential[candidate] -= delta;
                } else {
                    slack[candidate] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[previous[column]];
            column = previous[column];
        }
    }
    (1..=columns).filter(|&column| row_of[column] != 0).map(|column| weight(row_of[column] - 1, column - 1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All ways to match, by recursion over rows.
    fn brute(weights: &[Vec<f64>], row: usize, used: &mut Vec<bool>) -> f64 {
        let Some(line) = weights.get(row) else { return 0.0 };
        let mut best = brute(weights, row + 1, used);
        for (column, weight) in line.iter().enumerate() {
            if !used[column] {
                used[column] = true;
                best = best.max(weight + brute(weights, row + 1, used));
                used[column] = false;
            }
        }
        best
    }

    #[test]
    fn takes_the_best_total_not_the_greedy_one() {
        let weights = [[0.9, 0.8], [0.8, 0.0]];
        assert_eq!(best_total(2, 2, |row, column| weights[row][column]), 1.6);
        assert_eq!(best_total(0, 3, |_, _| 1.0), 0.0);
        assert_eq!(best_total(3, 0, |_, _| 1.0), 0.0);
    }

    proptest::proptest! {
        #[test]
        fn equals_brute_force(rows in 0_usize..5, columns in 0_usize..5, cells in proptest::collection::vec(0.0_f64..1.0, 25)) {
            let weights: Vec<Vec<f64>> = (0..rows).map(|row| cells[row * 5..row * 5 + columns].to_vec()).collect();
            let best = brute(&weights, 0, &mut vec![false; columns]);
            let found = best_total(rows, columns, |row, column| weights[row][column]);
            proptest::prop_assert!((best - found).abs() < 1e-12, "{best} {found}");
        }
    }
}
