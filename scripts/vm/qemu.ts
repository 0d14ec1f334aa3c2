/** The command line of the emulator. Settings were chosen by the time that the tests take (docs/development.md). */

/** What a machine is made of; all paths are the host's. */
export interface Machine {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly kernel: string;
  readonly initrd: string;
  /** What the kernel says goes to this file. */
  readonly console: string;
  /** Files that get what the guest writes to the port of the same name: writing never blocks, and nothing is lost at the end. */
  readonly ports: Readonly<Record<string, string>>;
  /** Images of disks: /dev/vda, /dev/vdb and so on. */
  readonly disks: readonly string[];
  /** /dev/hvc0 is the caller's terminal. */
  readonly terminal: boolean;
  readonly kernelArguments: readonly string[];
}

/** The most that one message of 9p may carry, in bytes: the largest that the transport takes. */
export const MSIZE = 512_000;

/** No check that only real hardware needs, and room for tests of huge pages. */
const KERNEL_ARGUMENTS = [
  "console=ttyS0",
  "quiet",
  "panic=-1",
  "mitigations=off",
  "tsc=reliable",
  "no_timer_check",
  "random.trust_cpu=on",
  "hugepages=16",
];

/** The arguments of qemu-system-x86_64. */
export function qemuArguments(machine: Machine): readonly string[] {
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-M", "pc,usb=off,hpet=off"],
    // Bun needs more than the default processor has.
    ...["-cpu", "max"],
    ...["-accel", "tcg,thread=multi,tb-size=512"],
    ...["-smp", String(machine.cpus), "-m", String(machine.memoryMiB)],
    ...["-kernel", machine.kernel, "-initrd", machine.initrd],
    ...["-append", [...KERNEL_ARGUMENTS, ...machine.kernelArguments].join(" ")],
    ...["-serial", `file:${machine.console}`],
    ...["-fsdev", "local,id=root,path=/,security_model=none,multidevs=remap,readonly=on"],
    ...["-device", "virtio-9p-pci,fsdev=root,mount_tag=root"],
    ...["-device", "virtio-serial-pci"],
    ...Object.entries(machine.ports).flatMap(([name, path]) => [
      ...["-chardev", `file,id=${name},path=${path}`],
      ...["-device", `virtserialport,chardev=${name},name=${name}`],
    ]),
    ...machine.disks.flatMap((path, index) => [
      ...["-drive", `file=${path},format=raw,if=none,id=disk${index},cache=unsafe,discard=unmap`],
      ...["-device", `virtio-blk-pci,drive=disk${index}`],
    ]),
    ...(machine.terminal
      ? ["-chardev", "stdio,id=terminal,signal=off", "-device", "virtconsole,chardev=terminal"]
      : []),
  ];
}
