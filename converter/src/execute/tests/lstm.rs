//! Long short-term memory, unit by unit.

use super::*;

/// Operands after `x`: state, then the gates.
fn operands(in_n: usize, units: usize) -> Vec<Nd> {
    let zeros = Nd { shape: vec![1, units], data: vec![0.0; units] };
    let gate =
        |seed: u64| [random(&[units, in_n], seed), random(&[units, units], seed + 10), random(&[units], seed + 20)];
    [zeros.clone(), zeros].into_iter().chain((1..5).flat_map(gate)).collect()
}

fn literal(x: &Nd, operands: &[Nd], cell_clip: f64) -> Nd {
    let [_, steps, in_n] = x.shape[..] else { panic!() };
    let units = operands[0].data.len();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let real = |from: &Nd, at: usize| f64::from(from.data[at]);
    let (mut cell, mut hidden, mut data) = (vec![0.0; units], vec![0.0; units], Vec::new());
    for step in 0..steps {
        let mut row = Vec::new();
        for (unit, cell) in cell.iter_mut().enumerate() {
            let sum = |gate: usize| {
                let [w, r, b] = &operands[2 + 3 * gate..][..3] else { panic!() };
                let from_x: f64 = (0..in_n).map(|i| real(x, step * in_n + i) * real(w, unit * in_n + i)).sum();
                let from_h: f64 = (0..units).map(|i| hidden[i] * real(r, unit * units + i)).sum();
                from_x + from_h + real(b, unit)
            };
            let [input, forget, candidate, output] = [sum(0), sum(1), sum(2), sum(3)];
            let added = sigmoid(input) * candidate.tanh();
            *cell = (sigmoid(forget) * *cell + added).clamp(-cell_clip, cell_clip);
            row.push(sigmoid(output) * cell.tanh());
        }
        data.extend(row.iter().map(|&y| y as f32));
        hidden = row;
    }
    Nd { shape: vec![1, steps, units], data }
}

#[test]
fn lstm_matches_with_and_without_a_clipped_cell() {
    for (steps, in_n, units) in [(1, 3, 2), (5, 4, 3), (7, 1, 1)] {
        let x = random(&[1, steps, in_n], 1);
        let rest = operands(in_n, units);
        let all: Vec<&Nd> = std::iter::once(&x).chain(&rest).collect();
        for (cell_clip, bound) in [(0.0, f64::INFINITY), (0.5, 0.5)] {
            let expected = literal(&x, &rest, bound);
            let mut graph = one_node(Op::Lstm { cell_clip }, &all, &expected.shape);
            graph.state = vec![ValueId(1), ValueId(2)];
            graph.state.clone().iter().for_each(|state| graph.values[state.0].constant = None);
            check_graph(graph, &all, &expected);
        }
    }
}
