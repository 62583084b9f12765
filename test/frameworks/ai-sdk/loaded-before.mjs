/** A hive that is started in code after the SDK was loaded, as after an application's static imports. */
import 'ai'
import '../kit/preload/start-hive.mjs'
