# SPDX-FileCopyrightText: The scc authors
# SPDX-License-Identifier: MIT

# The mistakes that are planted in copies of the library's kernels. Read by CMakeLists.txt and by make_copy.cmake.
#
# defect(NAME KERNELS BUILD REPORT FILE TEXT REPLACEMENT [FILE TEXT REPLACEMENT ...])
#
#   KERNELS  the kernels of the copy that are run: triangle, tile or histogram
#   BUILD    the one that must find it: schedules, memory (AddressSanitizer and UndefinedBehaviorSanitizer) or races
#            (ThreadSanitizer)
#   REPORT   what it then says, a regular expression
#   FILE     as it would be included; in it, TEXT, which must be there exactly once, becomes REPLACEMENT

set(wrong_results "the results differ|differs? from the CPU's")
set(missed_barrier "meet at different __syncthreads|each waits for threads that do not come")
set(race "ThreadSanitizer: data race")

# Barriers of the block.

defect(
  no_barrier_before_coefficients_change triangle schedules "${wrong_results}" scc/gpu/kernels/gradient.cuh
  [[__syncthreads();  // nobody reads the coefficients of the image before any more]] ""
)
defect(
  no_barrier_after_coefficients_are_staged triangle schedules "${wrong_results}" scc/gpu/kernels/gradient.cuh
  [[(arguments, coefficients, factor);
    __syncthreads();]]
  [[(arguments, coefficients, factor);]]
)
defect(
  no_barrier_before_sum_over_warps triangle schedules "${wrong_results}" scc/gpu/kernels/moments.cuh
  [[__syncthreads();
  for (int term = thread_index()]]
  [[for (int term = thread_index()]]
)
defect(
  no_barrier_after_counts_are_zeroed triangle schedules "${wrong_results}" scc/gpu/kernels/forward.cuh
  [[odd_pixels = {};
    }
    __syncthreads();]]
  [[odd_pixels = {};
    }]]
)
defect(
  no_barrier_before_arrival_is_read triangle schedules "${missed_barrier}" scc/gpu/kernels/forward.cuh
  [[__syncthreads();
  bool const result = is_last;]]
  [[bool const result = is_last;]]
)
defect(
  no_barrier_after_fit_by_one_warp triangle schedules "${wrong_results}" scc/gpu/kernels/solve.cuh
  [[block.sync();
  differentiate(]]
  [[differentiate(]]
)
defect(
  no_barrier_before_bins_are_moved histogram schedules "${wrong_results}" scc/gpu/kernels/histogram.cuh
  [[__syncthreads();
    unsigned long long* const bins]]
  [[unsigned long long* const bins]]
)
defect(
  idle_threads_return_before_barrier triangle schedules "${missed_barrier}" scc/gpu/kernels/forward.cuh
  [[double* const sums = dynamic_shared<double>();]]
  [[double* const sums = dynamic_shared<double>();
  if (thread_index() >= arguments.cut.images) {
    return;
  }]]
)

# Warps.

defect(
  no_barrier_in_warp triangle schedules "${wrong_results}" scc/gpu/kernels/warp.cuh [[{ __syncwarp(); }]] [[{}]]
)
defect(
  lanes_without_pixels_skip_shuffle triangle schedules "${missed_barrier}" scc/gpu/kernels/moments.cuh
  [[while (!groups.is_done()) {]] [[while (!groups.is_done() && groups.count() > 0) {]]
)

# Between blocks.

# Two barriers, of which one would do.
defect(
  no_barrier_before_arrival triangle races "${race}"
  scc/gpu/kernels/forward.cuh
  [[Moments::add(arguments, segment, odd_pixels);
    __syncthreads();]]
  [[Moments::add(arguments, segment, odd_pixels);]]
  scc/gpu/kernels/forward.cuh
  [[SCC_SHARED(is_last, bool);
  __syncthreads();]]
  [[SCC_SHARED(is_last, bool);]]
)
defect(
  no_fence_before_arrival triangle races "${race}" scc/gpu/kernels/forward.cuh
  [[__threadfence();
    is_last =]]
  [[is_last =]]
)
defect(
  no_fence_after_arrival triangle races "${race}" scc/gpu/kernels/forward.cuh
  [[static_cast<unsigned long long>(expected);
    __threadfence();]]
  [[static_cast<unsigned long long>(expected);]]
)
defect(
  odd_pixels_counted_without_atomics triangle races "${race}" scc/gpu/kernels/forward.cuh [[atomicAdd(&outside, 1ull);]]
  [[outside += 1;]]
)
defect(
  arrivals_not_zeroed triangle schedules "${wrong_results}" scc/gpu/loss.cuh
  [[pass.workspace.zeroed_bytes]] [[0 * pass.workspace.zeroed_bytes]]
)
defect(
  images_of_a_block_share_a_slot triangle schedules "${wrong_results}" scc/gpu/cut.hpp [[return block + image;]]
  [[return block + 0 * image;]]
)

# Bounds and alignment.

defect(
  too_few_slots triangle memory "heap-buffer-overflow" scc/gpu/cut.hpp [[return most_blocks + images;]]
  [[return most_blocks + 0 * images;]]
)
defect(
  pixels_read_past_the_end triangle memory "heap-buffer-overflow" scc/gpu/kernels/pixels.cuh
  [[return left >= group_size ? group_size : left > 0 ? static_cast<int>(left) : 0;]]
  [[return left > 0 ? group_size : 0;]]
)
defect(
  pixels_read_unaligned triangle memory "misaligned address" scc/gpu/pixel_view.hpp
  [[reinterpret_cast<std::uintptr_t>(view.data) % alignment == 0]] [[alignment > 0]]
)
defect(
  too_little_shared_memory triangle memory "use-after-poison" scc/gpu/loss.cuh
  [[moments_threads / warp_size * TriangleMoments<Degree>::terms]]
  [[moments_threads / warp_size / 2 * TriangleMoments<Degree>::terms]]
)
defect(
  bins_of_other_bands_counted histogram memory "use-after-poison" scc/gpu/kernels/histogram.cuh
  [[if (row < 0 || row >= rows) {]] [[if (row < 0) {]]
)
