# Tests of core/imaging. Their helpers are compiled once.
add_library (gonio-image-testing STATIC ${CMAKE_SOURCE_DIR}/tests/support/image-fixture.c
                                        ${CMAKE_SOURCE_DIR}/tests/support/image-probe.c
                                        ${CMAKE_SOURCE_DIR}/tests/support/dicom-writer.c)
target_link_libraries (gonio-image-testing PUBLIC gonio-options gonio-imaging)

gonio_add_program (gonio-image-probe SOURCES ${CMAKE_SOURCE_DIR}/tests/support/gonio-image-probe.c
                                     LIBS gonio-image-testing)
set_target_properties (gonio-image-probe PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                                    ${CMAKE_BINARY_DIR}/tests/bin)

gonio_add_test (test-display LABELS unit SOURCES test-display.c LIBS gonio-image-testing m)
gonio_add_test (test-image LABELS unit SOURCES test-image.c LIBS gonio-image-testing m)
gonio_add_test (test-transform LABELS unit SOURCES test-transform.c LIBS gonio-imaging m)
gonio_add_test (test-resample LABELS unit SOURCES test-resample.c LIBS gonio-imaging m)
gonio_add_test (test-heif LABELS unit SOURCES test-heif.c LIBS gonio-image-testing PkgConfig::HEIF)
gonio_add_test (test-jpeg LABELS unit SOURCES test-jpeg.c LIBS gonio-image-testing
                                                              PkgConfig::TURBOJPEG)
gonio_add_test (test-plain LABELS unit SOURCES test-plain.c LIBS gonio-imaging PkgConfig::OPENJP2
                                                                PkgConfig::WEBP)
gonio_add_test (test-png LABELS unit SOURCES test-png.c LIBS gonio-image-testing PkgConfig::PNG)
gonio_add_test (test-tiff LABELS unit SOURCES test-tiff.c LIBS gonio-image-testing PkgConfig::TIFF)
gonio_add_test (test-dicom LABELS unit SOURCES test-dicom.c LIBS gonio-image-testing m)
gonio_add_test (test-dicom-encodings LABELS unit SOURCES test-dicom-encodings.c LIBS
                gonio-image-testing PkgConfig::OPENJP2 PkgConfig::TURBOJPEG)
gonio_add_test (test-image-corpus LABELS unit fuzz SOURCES test-image-corpus.c LIBS
                gonio-image-testing)
