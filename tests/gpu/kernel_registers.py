"""No CUDA kernel spills registers, and none uses more than its ceiling: on a GPU fewer blocks would run at a time.

    kernel_registers.py NVCC ARCHITECTURE INCLUDE_DIR SOURCE...

Compiles the sources and prints a line per kernel, out of `ptxas -v`. Exit code 1: a kernel is above its ceiling.
"""

import re
import subprocess
import sys
import tempfile

# Registers of a thread, which the hardware hands out in eights. The first pattern that a kernel begins with.
CEILINGS = {
    r"attend_kernel<cuda::ScalarAttention<.*, 1, \w+> >": 96,  # the last number is the group of query heads
    r"attend_kernel<cuda::ScalarAttention<.*, 2, \w+> >": 112,
    r"attend_kernel<cuda::ScalarAttention<.*, 4, \w+> >": 128,
    r"attend_kernel<cuda::ScalarAttention<.*, 8, \w+> >": 208,
    r"attend_kernel<cuda::TensorCoreAttention<64, ": 128,
    r"attend_kernel<cuda::TensorCoreAttention<128, ": 168,
    r"adamw_kernel<": 48,
    r"combine_kernel<": 32,
    r"rotate_and_store_kernel<": 40,
    r"rotate_kernel<": 40,
    r"sample_kernel": 56,
    r"silu_gradient_kernel<": 40,
    r"silu_multiply_kernel<": 32,
}

REPORT = re.compile(
    r"Compiling entry function '(\w+)'.*\n.*\n"
    r"\s+\d+ bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads\n.*Used (\d+) registers"
)


def report_of(nvcc: str, architecture: str, include: str, source: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, f"-arch=sm_{architecture}", "-std=c++17", "-O3", f"-I{include}", "-Xptxas=-v"]
        command += ["-cubin", "-o", f"{folder}/kernels.cubin", source]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"kernel_registers.py: nvcc failed on {source}:\n{run.stderr}")
    return run.stderr


def readable(symbol: str) -> str:
    name = subprocess.run(["c++filt", symbol], capture_output=True, text=True, check=True).stdout.strip()
    # Without namespaces, result and parameters.
    name = name.split("(anonymous namespace)::")[-1].rsplit("(", 1)[0]
    return name.replace("retmask::kernels::", "")


def fault_of(kernel: str, registers: int, spilled_bytes: int) -> str:
    ceiling = next((most for pattern, most in CEILINGS.items() if re.match(pattern, kernel)), None)
    if spilled_bytes > 0:
        return f"spills {spilled_bytes} bytes"
    if ceiling is None:
        return "has no ceiling: add one to tests/gpu/kernel_registers.py"
    return f"is above its ceiling of {ceiling}" if registers > ceiling else ""


def main() -> None:
    nvcc, architecture, include, *sources = sys.argv[1:]
    faults = 0
    for source in sources:
        kernels = REPORT.findall(report_of(nvcc, architecture, include, source))
        if not kernels:
            sys.exit(f"kernel_registers.py: ptxas names no kernel of {source}")
        for symbol, stores, loads, registers in sorted(kernels):
            kernel = readable(symbol)
            fault = fault_of(kernel, int(registers), int(stores) + int(loads))
            faults += 1 if fault else 0
            print(f"{'FAIL' if fault else 'ok  '} {registers:>3} registers: {kernel} {fault}".rstrip())
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
