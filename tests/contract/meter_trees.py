"""Small roots of machines, one for each meter, composed from the forms that the kernel's documents state.

- thermal, cooling: Documentation/ABI/testing/sysfs-class-thermal ("temp ... in millidegree Celsius", "cur_state").
- throttle counts: arch/x86, drivers/thermal/intel/therm_throt.c ("core_throttle_count", "package_throttle_count").
- cpufreq: Documentation/admin-guide/pm/cpufreq.rst, "Policy Interface in sysfs" (kHz).
- hwmon: Documentation/hwmon/sysfs-interface.rst (temp*_input in millidegrees, power* in microwatts, energy* in
  microjoules), the chips' names from Documentation/hwmon/{coretemp,ina238,nvme}.rst.
- rapl: Documentation/power/powercap/powercap.rst (tree of intel-rapl:0 and its parts).
- proc: proc(5), Documentation/scheduler/sched-stats.rst.
"""

THERMAL = {
    "/sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "/sys/class/thermal/thermal_zone0/temp": "45530\n",
    "/sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
    "/sys/class/thermal/thermal_zone1/temp": "-5000\n",
}

COOLING = {
    "/sys/class/thermal/cooling_device0/type": "pwm-fan\n",
    "/sys/class/thermal/cooling_device0/cur_state": "0\n",
    "/sys/class/thermal/cooling_device1/type": "cpufreq-cpu0\n",
    "/sys/class/thermal/cooling_device1/cur_state": "3\n",
    "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "12\n",
    "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "40\n",
    "/sys/devices/system/cpu/cpu0/topology/physical_package_id": "0\n",
    "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0,2\n",
}

CPUFREQ = {
    "/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1500000\n",
    "/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "2400000\n",
    "/sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq": "2000000\n",
}

HWMON = {
    "/sys/class/hwmon/hwmon0/name": "coretemp\n",
    "/sys/class/hwmon/hwmon0/temp1_label": "Package id 0\n",
    "/sys/class/hwmon/hwmon0/temp1_input": "61000\n",
    "/sys/class/hwmon/hwmon1/name": "ina238\n",
    "/sys/class/hwmon/hwmon1/power1_input": "4250000\n",
    "/sys/class/hwmon/hwmon1/energy1_input": "987654321\n",
}

RAPL = {
    "/sys/class/powercap/intel-rapl:0/name": "package-0\n",
    "/sys/class/powercap/intel-rapl:0/energy_uj": "24999983\n",
    "/sys/class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850\n",
    "/sys/class/powercap/intel-rapl:0:0/name": "core\n",
    "/sys/class/powercap/intel-rapl:0:0/energy_uj": "4499994\n",
    "/sys/class/powercap/intel-rapl:0:0/max_energy_range_uj": "262143328850\n",
}

HOST = {
    "/proc/loadavg": "0.50 0.40 0.30 1/100 999\n",
    "/proc/stat": "cpu  1000 20 300 90000 50 6 7 80 0 0\ncpu0 500 10 150 45000 25 3 3 40 0 0\n",
    "/proc/self/stat": "42 (a (b) c) R 1 42 42 0 -1 4194304 10 0 0 0 150 50 0 0 20 0 2 0 77 1 2\n",
    "/proc/self/statm": "5000 1200 300 1 0 900 0\n",
    "/proc/self/task/42/schedstat": "2000000000 30000000 90\n",
    "/proc/self/task/42/status": "Name:\ta\nvoluntary_ctxt_switches:\t9\nnonvoluntary_ctxt_switches:\t4\n",
    "/proc/self/task/43/schedstat": "1000000000 10000000 30\n",
    "/proc/self/task/43/status": "Name:\ta\nvoluntary_ctxt_switches:\t1\nnonvoluntary_ctxt_switches:\t2\n",
}

NVML = {"/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06\n"}


def plant(root, tree):
    """Write a tree of text by path below a folder and return the folder."""
    for path, text in tree.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return root
