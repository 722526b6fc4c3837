#!/usr/bin/env bash
# Pretraining on one GPU, in one call of under ten minutes: ResNet-18 on CIFAR-10 for 200 epochs, its time and its kNN
# accuracy; Wide-ResNet-50-2 at 96 px, its pairs a second, its share of the chip's measured bf16 matrix rate, and the
# paper's 512,000 images × 400 epochs projected from it.
#
#   benchmarks/gpu.sh [EPOCHS]           on a GPU; EPOCHS of ResNet-18, default 200
#   TOY=1 benchmarks/gpu.sh              the same commands at toy size, on the CPU
#
# The archive of CIFAR-10 is the one BARLOWMATCH_CIFAR10 names; PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" -m benchmarks gpu --epochs "${1:-200}" ${TOY:+--toy}
