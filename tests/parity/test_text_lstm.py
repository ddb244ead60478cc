"""The recipe text-lstm learns as PyTorch does: equal weights, equal batches, the same losses."""

import numpy as np
import pytest
import torch

from koubai.data import DataLoader, Vocabulary
from koubai.models import CharacterRNN
from koubai.nn import CrossEntropyLoss
from koubai.optim import AdamW
from koubai.recipes.text_lstm import name_data
from koubai.train import Trainer

VOCABULARY = Vocabulary.of("abcdefghij", ["\n"])
EPOCHS, RATE = 4, 0.02


def words() -> list[str]:
    """Letters mostly follow one another in the alphabet."""
    random = np.random.default_rng(0)
    starts, lengths = random.integers(0, 10, 256), random.integers(2, 9, 256)
    steps = random.choice([1, 1, 1, 2, 5], (256, 9)).cumsum(axis=1)
    return ["".join("abcdefghij"[(s + n) % 10] for n in row[:k]) for s, k, row in zip(starts, lengths, steps)]


class TorchRNN(torch.nn.Module):
    """The same network, of PyTorch's layers."""

    def __init__(self, model: CharacterRNN, cell: str) -> None:
        super().__init__()
        rnn = model.rnn
        kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
        self.embedding = torch.nn.Embedding(len(VOCABULARY), rnn.input_size)
        self.rnn = kind(rnn.input_size, rnn.hidden_size, rnn.num_layers, batch_first=True)
        self.head = torch.nn.Linear(rnn.hidden_size, len(VOCABULARY))
        state = {name: torch.tensor(tensor.numpy().copy()) for name, tensor in model.state_dict().items()}
        self.load_state_dict(state)  # the names and the layouts are PyTorch's

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        pack, unpack = torch.nn.utils.rnn.pack_padded_sequence, torch.nn.utils.rnn.pad_packed_sequence
        packed = pack(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        states, _ = unpack(self.rnn(packed)[0], batch_first=True, total_length=tokens.shape[1])
        return self.head(states).transpose(1, 2)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_losses_are_pytorchs(cell: str) -> None:
    import koubai

    koubai.manual_seed(0)
    data = name_data(VOCABULARY, words())
    model = CharacterRNN(len(VOCABULARY), 8, 32, cell=cell)
    twin = TorchRNN(model, cell)
    trainer = Trainer(
        model, CrossEntropyLoss(ignore_index=-100), AdamW(model.parameters(), lr=RATE), doctor=False
    )
    ours = trainer.fit(DataLoader(data, 32), epochs=EPOCHS)["loss"]

    loss, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.AdamW(twin.parameters(), lr=RATE)
    theirs = []
    for _ in range(EPOCHS):
        total = 0.0
        for batch in DataLoader(data, 32):
            tokens, lengths, targets = (torch.tensor(tensor.numpy()) for tensor in batch)
            optimizer.zero_grad()
            value = loss(twin(tokens, lengths), targets)
            value.backward()
            optimizer.step()
            total += value.item() * len(tokens)
        theirs.append(total / len(data))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert ours[-1] < 0.8 * ours[0]
