# Installs, moves the installation, builds tests/package against it and runs both programs.
# Usage: cmake -D BUILD=... -D SOURCE=... -D GENERATOR=... -P package_test.cmake
set(work ${BUILD}/package_test)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work}/run)
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE out
    WORKING_DIRECTORY ${work}/run)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} gave ${status}:\n${out}")
  endif()
endfunction()
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/first)
file(RENAME ${work}/first ${work}/prefix)  # nothing may remember where it was put
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${work}/build -DCMAKE_PREFIX_PATH=${work}/prefix
  -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/prefix/bin/attnviz "The cat sat" --prefix installed --dpi 40)
run(${CMAKE_COMMAND} -E env ATTNVIZ_DATA=${work}/prefix/share/attnviz ${work}/build/uses_attnviz)
foreach(prefix installed cat)
  if(NOT EXISTS ${work}/run/${prefix}_attention_avg_per_layer.png)
    message(FATAL_ERROR "${prefix}_attention_avg_per_layer.png was not drawn")
  endif()
endforeach()
