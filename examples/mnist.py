"""MNIST: a multilayer perceptron to 97.5 % and a small convolutional net to 99 % test accuracy, over several seeds.

python examples/mnist.py --model mlp --seeds 5
python examples/mnist.py --model cnn --seeds 5      # a minute or two a seed
"""

import argparse
import statistics
import time

import koubai
from koubai import nn, optim
from koubai.data import DataLoader, Standardize, mnist
from koubai.train import Trainer


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 16, 12, 12)
        *(nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 32, 4, 4)
        *(nn.Flatten(), nn.Linear(512, 10)),
    )


MODELS = {"mlp": (mlp, 8), "cnn": (cnn, 4)}  # and how many epochs each is trained


def train(name: str, seed: int) -> float:
    """Train once and return the test accuracy."""
    koubai.manual_seed(seed)
    make, epochs = MODELS[name]
    model = make()
    digits = mnist().scaled(Standardize(axis=None))
    loader = DataLoader(digits.train, batch_size=128, shuffle=True)
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.005, total_steps=epochs * len(loader))
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], lr_scheduler=schedule)
    trainer.fit(loader, epochs=epochs)
    return trainer.evaluate(digits.test, batch_size=1000)["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="mlp")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    accuracies = []
    for seed in range(arguments.seeds):
        start = time.perf_counter()
        accuracies.append(train(arguments.model, seed))
        print(f"seed {seed}: {accuracies[-1]:.4f} in {time.perf_counter() - start:.0f} s", flush=True)
    print(f"{arguments.model}: mean {statistics.mean(accuracies):.4f}, lowest {min(accuracies):.4f}")


if __name__ == "__main__":
    main()
